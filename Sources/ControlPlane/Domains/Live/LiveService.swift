package import HTTP
package import Platform
package import Postgres
package import SharedModels
internal import Synchronization

/// The verbs of the domain. A livestream lives in the memory of the one process that holds its
/// lease; nothing between its bytes and `deliver` waits for the database.
package final class LiveService: Sendable {
    /// Takes an event on its way to the rules; called in the order of the events of one frame,
    /// on the caller's thread, and must not block.
    package typealias Deliver = @Sendable (LiveDelivery) -> Void
    /// Told that this process now holds a livestream; its `totals.likesPassed` says which
    /// milestones are behind it. Must not block.
    package typealias Opened = @Sendable (Livestream) -> Void
    /// Looks up how an account is shown to others; nil if there is none.
    package typealias FindViewer = @Sendable (AccountID) async throws -> Viewer?

    private let store: LiveStore
    private let eventLog: EventLog
    private let hub: Hub
    private let identifiers: IDGenerator
    private let time: TimeSource
    private let log: Log
    private let leaseSeconds: Double
    private let isAlone: Bool
    private let process: ProcessID
    private let findViewer: FindViewer
    private let deliver: Deliver
    private let opened: Opened
    private let rooms = Mutex<[LivestreamID: OpenRoom]>([:])
    private let viewers = Mutex<[AccountID: (viewer: Viewer, atNanoseconds: Int64)]>([:])

    /// - Parameters:
    ///   - lease: how long livestreams are held without renewing.
    ///   - isAlone: no other process can use the database. Then livestreams are held for as long
    ///     as this one lives, however long the database hangs, and what a dead one held is taken
    ///     at once.
    package init(
        pool: PostgresPool, eventLog: EventLog, hub: Hub, identifiers: IDGenerator,
        time: TimeSource = .system, lease: Duration = LiveLimits.lease,
        isAlone: Bool = false, log: Log,
        findViewer: @escaping FindViewer, deliver: @escaping Deliver,
        opened: @escaping Opened = { _ in }
    ) {
        store = LiveStore(pool: pool)
        self.eventLog = eventLog
        self.hub = hub
        self.identifiers = identifiers
        self.time = time
        self.log = log.of("live")
        leaseSeconds = Double(lease.wholeNanoseconds) / 1e9
        self.isAlone = isAlone
        process = identifiers.next()
        self.findViewer = findViewer
        self.deliver = deliver
        self.opened = opened
    }

    /// The topic of the hub that carries a livestream's events.
    package static func topic(_ id: LivestreamID) -> String { "livestream/\(id)" }

    // The streamer's verbs.

    /// Starts a livestream, held by this process.
    package func start(
        in workspace: WorkspaceID, title: String, source: SourceKind, hostID: String,
        by account: AccountID
    ) async throws -> Livestream {
        let kept: String
        do {
            kept = try SingleLineName.make(title, lengthMax: LiveLimits.titleCharacters)
        } catch {
            throw LiveError.badTitle(error)
        }
        let begun = now
        let wanted = Livestream(
            id: identifiers.next(), workspace: workspace, title: kept, source: source,
            hostID: BoundedText.make(hostID, limit: LiveLimits.wordBytes),
            createdBy: account, createdAtMilliseconds: begun.unixMilliseconds,
            endedAtMilliseconds: nil)
        let made = try await store.insert(
            wanted, owner: process, leaseSeconds: leaseSeconds,
            openMax: Int64(LiveLimits.livestreamsPerWorkspace))
        guard let made else { throw LiveError.tooManyLivestreams }
        let room = open(made, isResumed: false, leasedAt: begun)
        publish([room.control(.started, now)], of: room, arrived: begun)
        return made
    }

    /// Ends a livestream. What is queued for it is for the rules and devices to cancel, which
    /// hear of it as a control event.
    package func end(_ id: LivestreamID, in workspace: WorkspaceID) async throws {
        let livestream = try await livestream(id, in: workspace)
        guard livestream.isLive else { throw LiveError.ended }
        let room = try heldRoom(id)
        let arrived = now
        publish([room.control(.ended, arrived)], of: room, arrived: arrived)
        rooms.withLock { $0[id] = nil }
        try await writeTotals(of: [room], areLast: true)
        guard try await store.end(id) else { throw LiveError.ended }
    }

    /// Takes one push frame of the source as it came from its socket.
    /// - Parameter arrivedNanoseconds: when its bytes were read, monotonic; nil for now.
    package func ingest(
        _ frame: [UInt8], of id: LivestreamID, in workspace: WorkspaceID,
        arrivedNanoseconds: Int64? = nil
    ) throws -> LiveRoom.Intake {
        let arrived = moment(arrivedNanoseconds)
        let room = try heldRoom(id)
        guard room.livestream.workspace == workspace else { throw LiveError.notFound }
        let intake: LiveRoom.Intake
        do {
            intake = try room.ingest(frame, arrived)
        } catch {
            throw LiveError.badFrame(error)
        }
        publish(intake.events, of: room, arrived: arrived)
        return intake
    }

    // The viewers' verbs.

    /// Takes what a viewer of our own did.
    /// - Parameter id: names the deed; a repeat is not acted on and answers the first one's event.
    package func take(
        _ deed: NativeDeed, by account: AccountID, in livestream: LivestreamID, id: String = "",
        arrivedNanoseconds: Int64? = nil
    ) async throws -> LiveEvent {
        let arrived = moment(arrivedNanoseconds)
        let viewer = try await viewer(account)
        let room = try heldRoom(livestream)
        let isHost = account == room.livestream.createdBy
        let shown =
            isHost
            ? Viewer(
                id: viewer.id, handle: viewer.handle, name: viewer.name,
                roles: viewer.roles.union(.host)) : viewer
        guard let event = room.take(deed, by: shown, id: id, now) else {
            let first = id.isEmpty ? nil : room.recentEvents.last { $0.sourceMessageID == id }
            guard let first else { throw LiveError.emptyDeed }
            return first
        }
        publish([event], of: room, arrived: arrived)
        return event
    }

    // Reading.

    package func livestream(
        _ id: LivestreamID, in workspace: WorkspaceID
    ) async throws -> Livestream {
        let livestream = try await livestream(id)
        guard livestream.workspace == workspace else { throw LiveError.notFound }
        return livestream
    }

    package func livestream(_ id: LivestreamID) async throws -> Livestream {
        if let room = rooms.withLock({ $0[id] }) { return room.livestream }
        guard let found = try await store.livestream(id) else { throw LiveError.notFound }
        return found
    }

    package func livestreams(
        of workspace: WorkspaceID, before cursor: LivestreamID?, limit: Int
    ) async throws -> [Livestream] {
        try await store.livestreams(of: workspace, before: cursor, limit: limit)
    }

    /// The newest events before `cursor`, newest first. What happened in the last moments may
    /// still be on its way to the database.
    package func events(
        of id: LivestreamID, in workspace: WorkspaceID, before cursor: LiveEventID?, limit: Int
    ) async throws -> [LiveEvent] {
        _ = try await livestream(id, in: workspace)
        return try await store.events(of: id, before: cursor, limit: limit)
    }

    /// How a livestream stands; nil if this process does not hold it.
    package func summary(of id: LivestreamID) -> LiveRoom.Summary? {
        rooms.withLock { $0[id] }?.summary
    }

    /// The last events, oldest first; empty if this process does not hold the livestream.
    package func recentEvents(of id: LivestreamID) -> [LiveEvent] {
        rooms.withLock { $0[id] }?.recentEvents ?? []
    }

    // What time does.

    /// Ends gift streaks that fell silent; called about once a second.
    package func tick() {
        let now = now
        for room in rooms.withLock({ Array($0.values) }) where !room.isExpired(now) {
            publish(room.tick(now), of: room, arrived: now)
        }
    }

    /// Renews what this process holds, lets go of what it lost, and takes what others lost.
    package func keepLeases() async throws {
        let held = rooms.withLock { Array($0.keys) }
        let begun = now
        let kept = try await store.renew(held, owner: process, leaseSeconds: leaseSeconds)
        for id in held {
            guard kept.contains(id) else {
                rooms.withLock { $0[id] = nil }
                log.warning("livestream lost to another process", ["livestream": .string("\(id)")])
                continue
            }
            rooms.withLock { $0[id] }?.extend(toNanoseconds: deadline(leasedAt: begun))
        }
        let takenAt = now
        let taken = try await store.takeOver(
            besides: Array(kept), owner: process, isAlone: isAlone, leaseSeconds: leaseSeconds,
            leaseSecondsMax: Double(LiveLimits.leaseMax.wholeNanoseconds) / 1e9,
            limit: LiveLimits.takenOverAtOnce)
        for livestream in taken { _ = open(livestream, isResumed: true, leasedAt: takenAt) }
    }

    /// Writes down the totals that have changed; about once a second.
    package func writeTotals() async throws {
        try await writeTotals(of: rooms.withLock { Array($0.values) }, areLast: false)
    }

    private func writeTotals(of rooms: [OpenRoom], areLast: Bool) async throws {
        let changed = rooms.compactMap { room in
            room.totalsToWrite(isLast: areLast).map { (room: room, totals: $0) }
        }
        for start in stride(from: 0, to: changed.count, by: LiveLimits.totalsBatch) {
            let batch = changed[start..<min(start + LiveLimits.totalsBatch, changed.count)]
            try await store.write(
                batch.map { ($0.room.livestream.id, $0.totals) }, owner: process)
            for (room, totals) in batch { room.wrote(totals) }
        }
    }

    /// Lets go of everything; at shutdown.
    package func release() async throws {
        let held = rooms.withLock { rooms in
            defer { rooms.removeAll() }
            return Array(rooms.values)
        }
        try await writeTotals(of: held, areLast: true)
        try await store.release(owner: process)
    }

    /// Now, but for the monotonic time, where it is known better.
    private func moment(_ arrivedNanoseconds: Int64?) -> Moment {
        Moment(
            monotonicNanoseconds: arrivedNanoseconds ?? time.monotonicNanoseconds(),
            unixMilliseconds: time.unixMilliseconds())
    }

    private var now: Moment {
        Moment(
            monotonicNanoseconds: time.monotonicNanoseconds(),
            unixMilliseconds: time.unixMilliseconds())
    }

    private func deadline(leasedAt begun: Moment) -> Int64 {
        if isAlone { return .max }
        let margin = min(LiveLimits.leaseMargin.wholeNanoseconds, Int64(leaseSeconds * 5e8))
        return begun.monotonicNanoseconds &+ Int64(leaseSeconds * 1e9) &- margin
    }

    private func open(
        _ livestream: Livestream, isResumed: Bool, leasedAt begun: Moment
    ) -> OpenRoom {
        var chance = SystemRandomNumberGenerator()
        let room = OpenRoom(
            livestream, isResumed: isResumed, seed: chance.next(),
            validUntilNanoseconds: deadline(leasedAt: begun))
        // What was acted on before a takeover is not known here, so it is history.
        if livestream.source == .tiktok { room.connected(begun) }
        rooms.withLock { $0[livestream.id] = room }
        opened(livestream)
        return room
    }

    private func heldRoom(_ id: LivestreamID) throws(LiveError) -> OpenRoom {
        guard let room = rooms.withLock({ $0[id] }), !room.isExpired(now) else {
            throw .elsewhere
        }
        return room
    }

    private func viewer(_ account: AccountID) async throws -> Viewer {
        let now = time.monotonicNanoseconds()
        if let known = viewers.withLock({ $0[account] }),
            now &- known.atNanoseconds < LiveLimits.viewerMemory.wholeNanoseconds
        {
            return known.viewer
        }
        guard let found = try await findViewer(account) else { throw LiveError.notFound }
        viewers.withLock { viewers in
            if viewers.count >= LiveLimits.rememberedViewers { viewers.removeAll() }
            viewers[account] = (found, now)
        }
        return found
    }

    /// First the rules, for they move hardware; then the log, then whoever watches.
    private func publish(_ events: [LiveEvent], of room: OpenRoom, arrived: Moment) {
        guard !events.isEmpty else { return }
        for event in events {
            // The age of a recording says nothing about the way of its bytes.
            let created = event.source == .replay ? 0 : event.createdAtMilliseconds
            deliver(
                LiveDelivery(
                    workspace: room.livestream.workspace, event: event,
                    arrivedNanoseconds: arrived.monotonicNanoseconds,
                    sourceAgeMilliseconds: created > 0
                        ? max(0, arrived.unixMilliseconds &- created) : -1))
        }
        eventLog.append(events)
        let topic = Self.topic(room.livestream.id)
        guard hub.viewerCount(of: topic) > 0 else { return }
        for event in events {
            if let message = LiveStreamEvent.make(event) { hub.publish(message, to: topic) }
        }
    }
}
