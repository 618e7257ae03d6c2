internal import Platform
package import SharedModels

/// Turns the messages of one livestream into live events: drops repeats, does the arithmetic of
/// streaks and likes, marks history. Pure: clocks come in, chance is seeded.
package struct WebcastNormaliser: Sendable {
    /// How many messages were repeats of known ones.
    package private(set) var repeats = 0
    /// Gifts and totals of likes whose numbers cannot be true, and which do not count.
    package private(set) var implausible = 0

    /// The source's id of the host, if known: marks the host, and tells gifts to guests apart.
    private let hostID: String?

    private let livestream: LivestreamID
    private let source: SourceKind
    private var generator: SplitMix
    private var recentIDs = RecentIDs<Int64>(capacity: LiveLimits.rememberedMessages)
    private var streaks = GiftStreaks()
    /// The likes so far.
    package private(set) var likes: LikeCounter
    private var firstConnectedAtMilliseconds: Int64 = 0
    private var connectedAtMilliseconds: Int64 = 0
    /// Coins that gifts may still add in this frame.
    private var coinsLeft = LiveLimits.frameCoins
    /// Whether an earlier process counted here, whose streaks are not known.
    private let isResumed: Bool
    /// Whether the next total of likes is compared with one from before a gap.
    private var isAfterGap: Bool

    /// - Parameters:
    ///   - seed: of the random bits of event ids.
    ///   - likes: what an earlier process counted; nil if there was none. What the source's
    ///     first messages tell of the time before is history then.
    package init(
        livestream: LivestreamID, source: SourceKind, hostID: String? = nil, seed: UInt64,
        resuming likes: LikeCounter? = nil
    ) {
        self.likes = likes ?? LikeCounter()
        isResumed = likes != nil
        isAfterGap = isResumed
        self.livestream = livestream
        self.source = source
        self.hostID = hostID
        generator = SplitMix(seed: seed)
    }

    /// Tells that the source connected (again) now: what it made before is history from here
    /// on. A replay never calls this, so only what the recording marks is history.
    package mutating func connected(atUnixMilliseconds time: Int64) {
        if firstConnectedAtMilliseconds == 0 { firstConnectedAtMilliseconds = time }
        connectedAtMilliseconds = time
        isAfterGap = true
    }

    /// Tells that the messages of another frame follow.
    package mutating func beginFrame() { coinsLeft = LiveLimits.frameCoins }

    /// Appends what `message` means to `events`: none for a repeat, mostly one, up to three for
    /// a gift.
    /// - Parameter isHistory: whether the envelope marks it as old.
    package mutating func add(
        _ message: WebcastMessage, isHistory: Bool, now: Moment, to events: inout [LiveEvent]
    ) {
        if message.messageID != 0, !recentIDs.insert(message.messageID) {
            repeats += 1
            return
        }
        let created = message.createdAtMilliseconds
        if isResumed, firstConnectedAtMilliseconds == 0, !isHistory {
            // A recording goes on: by its own clock, this is where we come in again.
            firstConnectedAtMilliseconds = max(created, 0)
        }
        let stamp = Stamp(
            messageID: message.messageID, createdAtMilliseconds: created,
            viewer: viewer(message),
            isHistory: isHistory || (created > 0 && created < connectedAtMilliseconds), now: now)
        switch message.content {
        case .chat(let text): append(.comment(text: text), stamp, to: &events)
        case .gift(let frame): add(frame, room: message.roomID, stamp, to: &events)
        case .like(let count, let total): add(count, total, stamp, to: &events)
        case .follow: append(.follow, stamp, to: &events)
        case .share: append(.share, stamp, to: &events)
        case .join: append(.join, stamp, to: &events)
        case .subscribe: append(.subscribe, stamp, to: &events)
        case .viewers(let count): append(.viewers(count: count), stamp, to: &events)
        case .control(let action): append(.control(action), stamp, to: &events)
        case .deletion(let messageIDs, let viewerIDs):
            append(
                .deleted(messageIDs: messageIDs, viewerIDs: viewerIDs), stamp, to: &events)
        case .nothing: break
        }
    }

    /// Ends streaks that fell silent; to be called about once a second.
    package mutating func tick(now: Moment) -> [LiveEvent] {
        streaks.expire(now: now).map { expired in
            event(.giftEnded(expired.streak), viewer: expired.viewer, now: now)
        }
    }

    /// An event that did not come as a Webcast message: from our own viewers, or made by us.
    package mutating func event(
        _ happening: Happening, viewer: Viewer?, sourceMessageID: String = "",
        source: SourceKind? = nil, now: Moment
    ) -> LiveEvent {
        LiveEvent(
            id: LiveEventID(unixMilliseconds: now.unixMilliseconds, using: &generator),
            livestream: livestream, source: source ?? self.source,
            sourceMessageID: sourceMessageID, viewer: viewer, happening: happening,
            createdAtMilliseconds: now.unixMilliseconds, isHistory: false)
    }

    /// Counts likes of our own viewers.
    package mutating func ownLikes(_ count: Int) -> LikeIncrement { likes.add(count) }

    private struct Stamp {
        let messageID: Int64
        let createdAtMilliseconds: Int64
        let viewer: Viewer?
        let isHistory: Bool
        let now: Moment
    }

    private func viewer(_ message: WebcastMessage) -> Viewer? {
        guard let viewer = message.viewer, viewer.id == hostID, !viewer.roles.contains(.host)
        else { return message.viewer }
        return Viewer(
            id: viewer.id, handle: viewer.handle, name: viewer.name,
            roles: viewer.roles.union(.host))
    }

    /// Likes from before a gap are history, so that their milestones are not passed now.
    private mutating func add(
        _ count: Int, _ total: Int, _ stamp: Stamp, to events: inout [LiveEvent]
    ) {
        if total > LiveLimits.likesTotal { implausible += 1 }
        let before = likes.total
        let increment = likes.frame(count: count, total: total)
        let missed = increment.total - increment.count
        if isAfterGap, !stamp.isHistory, (1...LiveLimits.likesTotal).contains(total) {
            isAfterGap = false
            if missed > before {
                append(
                    .like(LikeIncrement(count: 0, total: missed)), stamp, isHistory: true,
                    to: &events)
            }
        }
        append(.like(increment), stamp, to: &events)
    }

    private mutating func add(
        _ frame: GiftFrame, room: Int64, _ stamp: Stamp, to events: inout [LiveEvent]
    ) {
        let key = GiftStreaks.Key(
            roomID: room, viewerID: stamp.viewer?.id ?? "",
            giftID: frame.gift.id, groupID: frame.groupID)
        let outcome = streaks.add(
            frame, key: key, viewer: stamp.viewer,
            createdAtMilliseconds: stamp.createdAtMilliseconds,
            connectedAtMilliseconds: firstConnectedAtMilliseconds, coinsMax: coinsLeft,
            now: stamp.now)
        if outcome.isRefused { implausible += 1 }
        coinsLeft -= outcome.coins
        if let history = outcome.history {
            append(.gift(named(history, frame)), stamp, isHistory: true, to: &events)
        }
        if let increment = outcome.increment {
            append(.gift(named(increment, frame)), stamp, to: &events)
        }
        if let ended = outcome.ended { append(.giftEnded(ended), stamp, to: &events) }
    }

    /// The increment with the guest it was for, if it was for a guest.
    private func named(_ increment: GiftIncrement, _ frame: GiftFrame) -> GiftIncrement {
        guard let hostID, !frame.recipientID.isEmpty, frame.recipientID != hostID else {
            return increment
        }
        return GiftIncrement(
            gift: increment.gift, streakID: increment.streakID, count: increment.count,
            total: increment.total, coins: increment.coins, isRecovered: increment.isRecovered,
            guestID: frame.recipientID)
    }

    private mutating func append(
        _ happening: Happening, _ stamp: Stamp, isHistory: Bool = false,
        to events: inout [LiveEvent]
    ) {
        events.append(
            LiveEvent(
                id: LiveEventID(unixMilliseconds: stamp.now.unixMilliseconds, using: &generator),
                livestream: livestream, source: source,
                sourceMessageID: stamp.messageID == 0 ? "" : DecimalText.make(stamp.messageID),
                viewer: stamp.viewer, happening: happening,
                createdAtMilliseconds: stamp.createdAtMilliseconds,
                isHistory: isHistory || stamp.isHistory))
    }
}
