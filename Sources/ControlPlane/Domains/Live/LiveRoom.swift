package import SharedModels

/// One livestream in memory: takes the bytes of its sources and the deeds of our own viewers,
/// and gives back live events. No I/O, no clock of its own; one task uses it at a time.
package struct LiveRoom: ~Copyable, Sendable {
    /// What came out of one frame.
    package struct Intake: Hashable, Sendable {
        package let events: [LiveEvent]
        /// A frame to send back to the source at once; nil if it asked for none.
        package let acknowledgement: [UInt8]?
        /// Messages beyond `LiveLimits.messagesPerFrame`, which were not read.
        package let droppedMessages: Int
        /// Gifts and totals of likes whose numbers cannot be true, and which do not count.
        package let implausible: Int
    }

    /// How a room stands.
    package struct Summary: Hashable, Sendable {
        package let viewers: Int
        package let likes: Int
        /// Coins of gifts, without history.
        package let coins: Int
        /// The last control event; nil before the first.
        package let state: ControlAction?
        package let counters: WebcastDecoder.Counters
        /// Messages that came more than once.
        package let repeats: Int
        /// Gifts and totals of likes whose numbers cannot be true.
        package let implausible: Int
        /// Likes that our own viewers asked for beyond their limit, and repeated deeds.
        package let refusedDeeds: Int
    }

    package let livestream: LivestreamID
    private var decoder = WebcastDecoder()
    private var normaliser: WebcastNormaliser
    private var recent: RecentEvents
    private var recentDeeds = RecentIDs<String>(capacity: LiveLimits.rememberedMessages)
    private var viewers: Int
    private var coins: Int
    private var state: ControlAction?
    private var refusedDeeds = 0

    /// - Parameters:
    ///   - source: what the frames are marked with, `.tiktok` or `.replay`.
    ///   - hostID: the source's id of the host, if known.
    ///   - seed: of the random bits of event ids.
    ///   - totals: where an earlier process left off; nil for a new livestream. The part of a
    ///     gift streak from before the first frame is history then.
    package init(
        livestream: LivestreamID, source: SourceKind, hostID: String? = nil, seed: UInt64,
        resuming totals: LiveTotals? = nil
    ) {
        self.livestream = livestream
        viewers = totals?.viewers ?? 0
        coins = totals?.coins ?? 0
        state = totals?.state
        normaliser = WebcastNormaliser(
            livestream: livestream, source: source, hostID: hostID, seed: seed,
            resuming: totals.map { LikeCounter(reported: $0.likesReported, own: $0.likesOwn) })
        recent = RecentEvents(capacity: LiveLimits.recentEvents)
    }

    package var summary: Summary {
        Summary(
            viewers: viewers, likes: normaliser.likes.total, coins: coins, state: state,
            counters: decoder.counters, repeats: normaliser.repeats,
            implausible: normaliser.implausible, refusedDeeds: refusedDeeds)
    }

    /// What must outlive the process.
    package var totals: LiveTotals {
        LiveTotals(
            viewers: viewers, likesReported: normaliser.likes.reported,
            likesOwn: normaliser.likes.own, coins: coins, state: state)
    }

    /// The last events, oldest first, at most `LiveLimits.recentEvents`.
    package var recentEvents: [LiveEvent] { recent.inOrder }

    /// Tells that the source connected (again); what it dates before is history. Replays do
    /// not connect.
    package mutating func connected(now: Moment) {
        normaliser.connected(atUnixMilliseconds: now.unixMilliseconds)
    }

    /// Takes one push frame as it came from the socket. A frame that cannot be read throws and
    /// is counted; the room goes on. A bad message in a good frame is only counted.
    package mutating func ingest(
        frame bytes: UnsafeRawBufferPointer, now: Moment
    ) throws(WebcastError) -> Intake {
        var events: [LiveEvent] = []
        // A message is seldom below a kilobyte, so this mostly avoids growing.
        events.reserveCapacity(min(64, max(1, bytes.count >> 10)))
        normaliser.beginFrame()
        let implausible = normaliser.implausible
        let receipt = try decoder.decode(bytes) { item in
            guard case .message(let message, let isHistory) = item else { return }
            normaliser.add(message, isHistory: isHistory, now: now, to: &events)
        }
        note(events)
        return Intake(
            events: events, acknowledgement: receipt.acknowledgement,
            droppedMessages: receipt.droppedMessages,
            implausible: normaliser.implausible - implausible)
    }

    /// The same for an array.
    package mutating func ingest(
        frame bytes: [UInt8], now: Moment
    ) throws(WebcastError) -> Intake {
        var intake = Result<Intake, WebcastError>.failure(.outOfMemory)
        bytes.withUnsafeBytes { borrowed in
            do throws(WebcastError) {
                intake = .success(try ingest(frame: borrowed, now: now))
            } catch {
                intake = .failure(error)
            }
        }
        return try intake.get()
    }

    /// To be called about once a second: ends gift streaks that fell silent.
    package mutating func tick(now: Moment) -> [LiveEvent] {
        let events = normaliser.tick(now: now)
        note(events)
        return events
    }

    /// Takes what one of our own viewers did.
    /// - Parameter id: names the deed, so that a request that is repeated counts once; empty
    ///   if it has no name. At most 64 bytes count.
    /// - Returns: nil if the deed was taken before, or says nothing.
    package mutating func take(
        _ deed: NativeDeed, by viewer: Viewer, id: String, now: Moment
    ) -> LiveEvent? {
        let id = BoundedText.make(id, limit: LiveLimits.wordBytes)
        // Likes are counted in `happening`, so a repeat must not come that far.
        guard deed.saysSomething, id.isEmpty || recentDeeds.insert(id) else {
            refusedDeeds += 1
            return nil
        }
        let happening = happening(deed)
        let event = normaliser.event(
            happening, viewer: viewer.bounded, sourceMessageID: id, source: .native, now: now)
        note([event])
        return event
    }

    /// Starts, pauses, resumes or ends the livestream by the streamer's own hand.
    package mutating func control(_ action: ControlAction, now: Moment) -> LiveEvent {
        let event = normaliser.event(.control(action), viewer: nil, source: .native, now: now)
        note([event])
        return event
    }

    private mutating func happening(_ deed: NativeDeed) -> Happening {
        switch deed {
        case .comment(let text):
            return .comment(text: BoundedText.make(text, limit: LiveLimits.commentBytes))
        case .gift(let gift, let count):
            let count = min(max(count, 1), NativeDeed.giftCount)
            let price = min(max(gift.coins, 0), LiveLimits.giftCoins)
            let bounded = Gift(
                id: gift.id, name: BoundedText.make(gift.name, limit: LiveLimits.wordBytes),
                coins: price)
            return .gift(
                GiftIncrement(
                    gift: bounded, streakID: "", count: count, total: count,
                    coins: count * price, isRecovered: false))
        case .like(let count): return .like(normaliser.ownLikes(count))
        case .follow: return .follow
        case .share: return .share
        case .join: return .join
        }
    }

    private mutating func note(_ events: [LiveEvent]) {
        guard !events.isEmpty else { return }
        recent.append(events)
        for index in events.indices { note(events[index]) }
    }

    private mutating func note(_ event: borrowing LiveEvent) {
        switch event.happening {
        case .viewers(let count): viewers = count
        case .gift(let increment) where !event.isHistory:
            coins = min(coins + increment.coins, LiveLimits.counter)
        case .control(let action) where !event.isHistory: state = action
        default: break
        }
    }
}

/// What a viewer can do through our own API.
package enum NativeDeed: Hashable, Sendable {
    /// The largest number of gifts in one deed; more are read as this.
    package static let giftCount = 1_000

    case comment(text: String)
    /// A gift without money behind it; the caller has looked up kind and price.
    case gift(Gift, count: Int)
    /// At most `LiveLimits.likesPerFrame` count.
    case like(count: Int)
    case follow
    case share
    case join

    fileprivate var saysSomething: Bool {
        switch self {
        case .comment(let text): !text.isEmpty
        case .like(let count): count > 0
        case .gift, .follow, .share, .join: true
        }
    }
}

extension Viewer {
    /// The viewer with every text within its limit.
    fileprivate var bounded: Viewer {
        Viewer(
            id: BoundedText.make(id, limit: LiveLimits.wordBytes),
            handle: BoundedText.make(handle, limit: LiveLimits.wordBytes),
            name: BoundedText.make(name, limit: LiveLimits.nameBytes), roles: roles)
    }
}
