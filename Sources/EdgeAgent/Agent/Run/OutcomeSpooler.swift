internal import Platform
internal import SharedModels

/// Moves outcomes from the journal to the broker, oldest first, a window at a time; each is
/// forgotten once the broker has it. Used on the loop alone.
final class OutcomeSpooler: @unchecked Sendable {
    // Safe: every method runs on the loop, completions included.

    enum Limits {
        /// Outcomes under way at once.
        static let windowMax = 64
        /// How long published outcomes stay in the journal, to be deleted together.
        static let forgetDelay: Duration = .milliseconds(50)
        static let retryDelay: Duration = .seconds(1)
    }

    private let journal: Journal
    private let loop: EventLoop
    private let log: Log
    private let uplink: Uplink
    private let steps: @Sendable (JournalStep) -> Void
    private var isOnline = false
    private var lastPlace: Int64 = 0
    private var underWay: Set<Int64> = []
    private var published: Set<Int64> = []
    private var isForgetting = false

    init(
        journal: Journal, loop: EventLoop, uplink: Uplink, log: Log,
        steps: @escaping @Sendable (JournalStep) -> Void
    ) {
        self.steps = steps
        self.journal = journal
        self.loop = loop
        self.uplink = uplink
        self.log = log
    }

    func setOnline(_ isOnline: Bool) {
        self.isOnline = isOnline
        if isOnline { pump() }
    }

    /// Publishes what there is, as far as the window goes.
    func pump() {
        guard isOnline, underWay.count < Limits.windowMax else { return }
        let rows: [Journal.Spooled]
        do {
            rows = try journal.spooled(
                after: lastPlace, limit: Limits.windowMax - underWay.count
            )
            .filter { !underWay.contains($0.place) && !published.contains($0.place) }
        } catch {
            return log.error("cannot read the spool", ["reason": .string("\(error)")])
        }
        for row in rows { underWay.insert(row.place) }
        for row in rows {
            lastPlace = max(lastPlace, row.place)
            uplink.publish(.outcome, row.payload, false) { [weak self] isDone in
                self?.finished(row.place, isDone)
            }
        }
    }

    private func finished(_ place: Int64, _ isDone: Bool) {
        guard underWay.remove(place) != nil else { return }
        if isDone {
            published.insert(place)
            forgetSoon()
            // Each look costs a query: half a window at a time.
            if underWay.count <= Limits.windowMax / 2 { pump() }
        } else {
            // It stays in the journal; go back to it when the broker may take it.
            lastPlace = min(lastPlace, place - 1)
            loop.schedule(after: Limits.retryDelay) { [weak self] in self?.pump() }
        }
    }

    private func forgetSoon() {
        guard !isForgetting else { return }
        isForgetting = true
        loop.schedule(after: Limits.forgetDelay) { [weak self] in self?.forget() }
    }

    /// Deletes what the broker has. Also called at the end.
    func forget() {
        isForgetting = false
        guard !published.isEmpty else { return }
        do {
            steps(.beforeForget)
            try journal.forgetOutcomes(Array(published))
            steps(.afterForget)
            published = []
        } catch {
            // They are published again after a restart; the control plane knows repeats.
            log.error("cannot empty the spool", ["reason": .string("\(error)")])
            published = []
        }
    }
}
