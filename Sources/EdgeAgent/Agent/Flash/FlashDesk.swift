package import Platform
package import SharedModels

/// Flashes boards of a running agent as the control plane orders it: one at a time, each order
/// once, images of the agent's own library alone. What an agent before this one was cut off in,
/// by an order or by hand, is ended first.
package final class FlashDesk: @unchecked Sendable {
    // Safe: what changes is touched on the loop alone; the tasks have values.

    enum Limits {
        /// How often a flashing of another process is waited for, of `pause` each.
        static let waits = 150
        static let pause: Duration = .seconds(2)
        /// Progress is told when it went on by so much, per cent.
        static let step = 5
    }

    /// What the library has. Read once: a package that brings other images starts the agent anew.
    package let offers: [FirmwareOffer]
    private let service: FlashService
    private let log: Log
    private var loop: EventLoop { service.loop }
    private var record: FlashRecord?
    private var task: Task<Void, Never>?
    private let changed: @Sendable () -> Void

    /// - Parameter changed: called on the loop when there is something new to tell.
    package init(
        _ service: FlashService, log: Log, changed: @escaping @Sendable () -> Void
    ) {
        self.service = service
        self.log = log.of("flash")
        self.changed = changed
        do {
            record = try service.folder.record()
        } catch {
            self.log.error("the last order is not known", ["reason": .string("\(error)")])
        }
        do {
            offers = try service.library.entries().prefix(FirmwareOffer.offersMax).map {
                FirmwareOffer(board: $0.board, version: $0.version, build: $0.build)
            }.filter { $0.problem == nil }
        } catch {
            self.log.info("there is no firmware to flash", ["reason": .string("\(error)")])
            offers = []
        }
    }

    /// How the last order stands; nil if there was none.
    package var report: FlashReport? { record?.report }

    /// Whether a board is being flashed, or what was cut off is being ended.
    var isBusy: Bool { task != nil }

    /// Ends what a flashing before this agent left, or waits for one that goes on, while the agent
    /// drives its other boards: the port is leased before this returns.
    package func recover() async {
        let folder = service.folder
        let left = record.flatMap { $0.report.status == .running ? $0 : nil }
        guard folder.hasJournal || left != nil else { return }
        // What is wrong with the journal is told when it is resumed.
        let port = (try? folder.journal())?.port ?? left?.port
        // An agent's own lease does not fail.
        if let port { try? await service.leases.take(port, PortLeases.Limits.secondsMax) }
        task = Task { [service, log] in
            let end = await Self.resume(service, left, log)
            if let port { await service.leases.giveBack(port) }
            guard let left else { return service.loop.submit { self.task = nil } }
            finish(left.ended(end.status, reason: end.reason))
        }
    }

    private typealias End = (status: FlashReport.Status, reason: String)

    private static func resume(
        _ service: FlashService, _ left: FlashRecord?, _ log: Log
    ) async -> End {
        for _ in 0..<Limits.waits where !Task.isCancelled {
            do throws(FlashProblem) {
                let report = try await service.resume { progress in
                    if progress.percent == nil { log.info("\(progress)") }
                }
                guard let report else { return try await untouched(service, left) }
                log.info("a flashing that was cut off has ended", ["end": .string("\(report.end)")])
                switch report.end {
                case .flashed, .current: return (.flashed, "")
                case .untouched: return (.failed, untouchedReason)
                case .putBack:
                    return (
                        .putBack,
                        "The agent was stopped meanwhile; the former firmware was put back, and "
                            + "works."
                    )
                }
            } catch {
                guard error == .inProgress else {
                    log.error("\(error)")
                    return (error.status, error.reportedReason)
                }
                log.info("waiting for a flashing that goes on")
                // Cancelled, the loop ends.
                try? await Task.sleep(for: Limits.pause)
            }
        }
        return (.failed, "\(FlashProblem.inProgress)")
    }

    private static let untouchedReason =
        "The agent was stopped before anything was written; the board is as it was."

    /// There is no journal: it ended before the agent could tell, or nothing was written.
    private static func untouched(
        _ service: FlashService, _ left: FlashRecord?
    ) async throws(FlashProblem) -> End {
        guard let left else { return (.failed, untouchedReason) }
        let runs = try await service.running(on: left.port)
        return runs?.build == left.order.build ? (.flashed, "") : (.failed, untouchedReason)
    }

    /// Does an order, or says why not. On the loop.
    /// - Parameter port: where the board is; nil if it is not connected.
    func take(_ order: FlashOrder, port: String?) {
        loop.preconditionOnLoop()
        // The broker delivers at least once.
        guard order.id != record?.order.id else { return changed() }
        guard record?.report.status != .running else {
            return log.warning("another flashing goes on; an order is not done")
        }
        let begun = FlashRecord(
            order: order, port: port ?? "",
            report: FlashReport(id: order.id, status: .running, step: "asking"))
        record = begun
        guard !isBusy else { return refuse(begun, "\(FlashProblem.inProgress)") }
        guard port != nil else {
            return refuse(begun, "The board is not connected to this agent.")
        }
        log.warning(
            "flashing as ordered",
            [
                "board": .string("\(order.board)"), "kind": .string(order.kind),
                "build": .string(order.build), "port": .string(begun.port),
            ])
        changed()
        // No disk is waited for on the loop, which drives the other boards meanwhile.
        task = Task {
            let end = await flash(begun)
            finish(begun.ended(end.status, reason: end.reason))
        }
    }

    private func refuse(_ begun: FlashRecord, _ reason: String) {
        Task { finish(begun.ended(.failed, reason: reason), isTask: false) }
    }

    /// Written down first: it is done once only.
    private func flash(_ begun: FlashRecord) async -> End {
        do {
            try service.folder.save(begun)
        } catch {
            return (.failed, "The order cannot be written down: \(error)")
        }
        let order = begun.order
        let request = FlashService.Request(
            port: begun.port, board: order.kind, source: .build(order.build))
        do throws(FlashProblem) {
            _ = try await service.flash(request) { [service] progress in
                service.loop.submit { self.progressed(order.id, progress) }
            }
            return (.flashed, "")
        } catch {
            return (error.status, error.reportedReason)
        }
    }

    private func progressed(_ id: FlashJobID, _ progress: FlashProgress) {
        guard let word = progress.word, let now = record?.report, now.id == id,
            now.status == .running
        else { return }
        let isNews =
            word != now.step || progress.percent == 100
            || (progress.percent ?? 0) >= (now.percent ?? 0) + Limits.step
        guard isNews else { return }
        record?.report = FlashReport(
            id: id, status: .running, step: word, percent: progress.percent)
        changed()
    }

    /// It has ended: that is written down, then told. Any thread but the loop.
    /// - Parameter isTask: whether the task ends with it.
    private func finish(_ ended: FlashRecord, isTask: Bool = true) {
        do {
            try service.folder.save(ended)
        } catch {
            // The next start looks at the journal and the board, and comes to the same end.
            log.error("cannot keep how it ended", ["reason": .string("\(error)")])
        }
        if ended.report.status == .flashed {
            log.info("flashed", ["build": .string(ended.order.build)])
        } else {
            log.error(
                "not flashed",
                [
                    "status": .string(ended.report.status.rawValue),
                    "reason": .string(ended.report.reason),
                ])
        }
        loop.submit { [self] in
            if isTask { task = nil }
            guard record?.order.id == ended.order.id else { return }
            // The step at which it ended stays.
            record = record?.ended(ended.report.status, reason: ended.report.reason)
            changed()
        }
    }

    /// The agent ends: what is being written is left to the journal and the next start.
    func end() { task?.cancel() }
}
