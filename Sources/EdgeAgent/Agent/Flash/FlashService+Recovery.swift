internal import Hardware
internal import Platform

/// Writing, proof, and the way back.
extension FlashService {
    /// Ends what an earlier flashing left, if it left something.
    /// - Parameter port: where the board is now; nil for where it was.
    package func resume(
        port: String? = nil, progressed: @escaping Reporter = { _ in }
    ) async throws(FlashProblem) -> Report? {
        guard folder.hasJournal else { return nil }
        let lock = try folder.lock()
        defer { lock.release() }
        // It may have ended while the lock was waited for.
        guard var journal = try folder.journal() else { return nil }
        if let port { journal.port = port }
        guard let profile = FlashProfile.of(board: journal.board) else {
            throw .stranded(
                reason: "this release cannot flash a \"\(journal.board)\"", port: journal.port)
        }
        let left = journal
        return try await leased(journal.port) { () async throws(FlashProblem) in
            try await resume(left, profile, progressed)
        }
    }

    private func resume(
        _ journal: FlashJournal, _ profile: FlashProfile, _ progressed: @escaping Reporter
    ) async throws(FlashProblem) -> Report {
        if journal.phase == .prepared {
            try folder.removeJournal()
            return Report(end: .untouched, runs: journal.old.facts, before: journal.old.facts)
        }
        let programmer = programmer(profile, port: journal.port)
        if journal.phase == .written, try await isProved(journal.new, journal, progressed) {
            return try commit(journal, progressed)
        }
        let loader: FoundLoader
        do {
            loader = try await programmer.connect()
        } catch {
            throw .stranded(reason: "\(error)", port: journal.port)
        }
        if journal.phase == .writing, journal.attempts < Limits.attempts {
            return try await write(journal, programmer, loader, progressed)
        }
        return try await putBack(
            journal, programmer, loader, because: "the new firmware did not prove itself",
            isResumed: true, progressed)
    }

    /// Writes the new image and waits for its proof; puts the old one back if there is none.
    func write(
        _ start: FlashJournal, _ programmer: any BoardProgrammer, _ loader: FoundLoader,
        _ progressed: @escaping Reporter
    ) async throws(FlashProblem) -> Report {
        var journal = start
        guard let image = folder.image(.new, of: journal) else {
            return try await putBack(
                journal, programmer, loader, because: "the kept image is damaged", progressed)
        }
        var reason = ""
        while journal.attempts < Limits.attempts {
            journal.attempts += 1
            try save(&journal, .writing, progressed)
            progressed(FlashProgress(.writing, percent: 0))
            do {
                try await programmer.write(
                    imageAt: folder.imagePath(.new), image, loader,
                    progressed: { isVerifying, percent in
                        progressed(
                            FlashProgress(isVerifying ? .verifying : .writing, percent: percent))
                    })
            } catch {
                reason = "\(error)"
                if Task.isCancelled { break }
                try await meetAgain(programmer, after: reason, port: journal.port)
                continue
            }
            try save(&journal, .written, progressed)
            await programmer.restart()
            if try await isProved(journal.new, journal, progressed) {
                return try commit(journal, progressed)
            }
            reason = "the new firmware was written, and does not say that it runs"
            break
        }
        return try await putBack(journal, programmer, loader, because: reason, progressed)
    }

    /// Whether the bootloader still answers after a failure. If it does not, nothing more can be
    /// done now, and resuming goes on where this ended.
    private func meetAgain(
        _ programmer: any BoardProgrammer, after reason: String, port: String
    ) async throws(FlashProblem) {
        do {
            _ = try await programmer.connect()
        } catch {
            throw .stranded(reason: "\(reason); then \(error)", port: port)
        }
    }

    /// Whether the board says that it runs this image.
    private func isProved(
        _ image: FlashJournal.Image, _ journal: FlashJournal, _ progressed: Reporter
    ) async throws(FlashProblem) -> Bool {
        guard let facts = image.facts else { return false }
        progressed(FlashProgress(.awaitingHello))
        let answer = await BoardProbe.ask(journal.port, patience: settings.proof, loop: loop)
        switch answer {
        case .found(let found, let build):
            return found.board == facts.board && found.build == facts.build
                && build == facts.buildNumber
        case .silent, .refused: return false
        case .noPort(let problem):
            throw .stranded(reason: "\(journal.port): \(problem)", port: journal.port)
        }
    }

    private func commit(
        _ journal: FlashJournal, _ progressed: Reporter
    ) throws(FlashProblem) -> Report {
        try folder.removeJournal()
        progressed(FlashProgress(.committed))
        return Report(end: .flashed, runs: journal.new.facts, before: journal.old.facts)
    }

    /// Puts the old image back. Ends by throwing what happened, unless that was meant.
    private func putBack(
        _ start: FlashJournal, _ programmer: any BoardProgrammer, _ loader: FoundLoader,
        because reason: String, isResumed: Bool = false, _ progressed: @escaping Reporter
    ) async throws(FlashProblem) -> Report {
        var journal = start
        guard !journal.old.isBlank else {
            // Resuming tries the new image again, there being no other.
            journal.attempts = 0
            try save(&journal, .writing, progressed)
            throw .stranded(
                reason: "\(reason); the board was blank before, so nothing can be put back",
                port: journal.port)
        }
        guard let image = folder.image(.old, of: journal) else {
            throw .stranded(
                reason: "\(reason); the kept former image is damaged (\(folder.imagePath(.old)))",
                port: journal.port)
        }
        try save(&journal, .restoring, progressed)
        progressed(FlashProgress(.restoring, percent: 0))
        do {
            try await programmer.write(
                imageAt: folder.imagePath(.old), image, loader,
                progressed: { isVerifying, percent in
                    if !isVerifying { progressed(FlashProgress(.restoring, percent: percent)) }
                })
        } catch {
            throw .stranded(
                reason: "\(reason); putting the former firmware back failed: \(error)",
                port: journal.port)
        }
        await programmer.restart()
        // Firmware of somebody else cannot say that it runs; it was verified byte for byte.
        if journal.old.facts != nil {
            progressed(FlashProgress(.checkingRestored))
            guard try await isProved(journal.old, journal, { _ in }) else {
                throw .stranded(
                    reason: "\(reason); the former firmware is back and verified, but does not "
                        + "say that it runs", port: journal.port)
            }
        }
        try folder.removeJournal()
        guard isResumed else { throw .putBack(reason: reason) }
        return Report(end: .putBack, runs: journal.old.facts, before: journal.old.facts)
    }
}
