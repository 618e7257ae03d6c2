internal import SharedModels
internal import Synchronization

/// A livestream that this process holds: its room behind a lock, and until when it may act.
final class OpenRoom: Sendable {
    let livestream: Livestream
    private let room: Mutex<LiveRoom>
    /// Monotonic nanoseconds until which the lease surely lasts.
    private let validUntilNanoseconds: Atomic<Int64>
    private let written: Mutex<LiveTotals>

    /// - Parameter isResumed: another process, or an earlier run of this one, held it before.
    init(
        _ livestream: Livestream, isResumed: Bool, seed: UInt64, validUntilNanoseconds: Int64
    ) {
        self.livestream = livestream
        // Frames that are fed into a livestream of our own are a replay.
        let source = livestream.source == .native ? SourceKind.replay : livestream.source
        room = Mutex(
            LiveRoom(
                livestream: livestream.id, source: source,
                hostID: livestream.hostID.isEmpty ? nil : livestream.hostID, seed: seed,
                resuming: isResumed ? livestream.totals : nil))
        written = Mutex(livestream.totals)
        self.validUntilNanoseconds = Atomic(validUntilNanoseconds)
    }

    func extend(toNanoseconds deadline: Int64) {
        validUntilNanoseconds.store(deadline, ordering: .relaxed)
    }

    /// Whether another process may have taken the livestream by now.
    func isExpired(_ now: Moment) -> Bool {
        now.monotonicNanoseconds >= validUntilNanoseconds.load(ordering: .relaxed)
    }

    var summary: LiveRoom.Summary { room.withLock { $0.summary } }
    var recentEvents: [LiveEvent] { room.withLock { $0.recentEvents } }

    /// The totals as they are to be written down; nil if they stand there already.
    /// - Parameter isLast: nothing comes after them.
    func totalsToWrite(isLast: Bool) -> LiveTotals? {
        var totals = room.withLock { $0.totals }
        let written = written.withLock { $0 }
        totals.likesPassed = totals.likes
        if !isLast, totals.likes > 0 {
            let gained = max(0, totals.likes - written.likes)
            totals.likesPassed += max(LiveLimits.likesMargin, 2 * gained)
        }
        return totals == written ? nil : totals
    }

    /// Tells that the totals were written down.
    func wrote(_ totals: LiveTotals) { written.withLock { $0 = totals } }

    func connected(_ now: Moment) { room.withLock { $0.connected(now: now) } }
    func tick(_ now: Moment) -> [LiveEvent] { room.withLock { $0.tick(now: now) } }

    func control(_ action: ControlAction, _ now: Moment) -> LiveEvent {
        room.withLock { $0.control(action, now: now) }
    }

    func take(_ deed: NativeDeed, by viewer: Viewer, id: String, _ now: Moment) -> LiveEvent? {
        room.withLock { $0.take(deed, by: viewer, id: id, now: now) }
    }

    func ingest(_ frame: [UInt8], _ now: Moment) throws(WebcastError) -> LiveRoom.Intake {
        let result = room.withLock { room -> Result<LiveRoom.Intake, WebcastError> in
            do throws(WebcastError) {
                return .success(try room.ingest(frame: frame, now: now))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}
