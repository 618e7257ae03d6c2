internal import Hardware
package import Platform

/// Flashes boards so that they end with firmware that is known: the new one if it proves itself,
/// else the one that was there. Every step is on disk before it is taken, and `resume` ends what
/// a crash or a power cut has cut off.
package struct FlashService: Sendable {
    /// Times and places; tests have their own.
    package struct Settings: Sendable {
        /// How long the board may take to say who it is before it is flashed.
        package var asking: Duration = .seconds(2)
        /// How long new firmware may take to prove itself: 5 s, and 2 s for the bootloader.
        package var proof: Duration = .seconds(7)
        package var avrdude = "/usr/bin/avrdude"

        package init() {}
    }

    package enum Source: Hashable, Sendable {
        /// The library's firmware for the board.
        case library
        /// This build of the library's firmware for the board.
        case build(String)
        /// A file that no index names.
        case file(String)
    }

    package struct Request: Hashable, Sendable {
        package var port: String
        /// The board's name; nil for what the board says itself.
        package var board: String?
        package var source: Source
        /// Flashes even if the board runs this build already.
        package var again: Bool

        package init(
            port: String, board: String? = nil, source: Source = .library, again: Bool = false
        ) {
            self.port = port
            self.board = board
            self.source = source
            self.again = again
        }
    }

    package struct Report: Hashable, Sendable {
        package enum End: Hashable, Sendable {
            case flashed
            /// The board runs this build already.
            case current
            /// Nothing had been written by the flashing that was cut off.
            case untouched
            /// The former image is back, as it was meant to be.
            case putBack
        }

        package let end: End
        /// What the board runs now; nil for firmware of somebody else.
        package let runs: FirmwareFacts?
        /// What it ran before, if that is known.
        package let before: FirmwareFacts?
    }

    package typealias Reporter = @Sendable (FlashProgress) -> Void

    enum Limits {
        /// How often writing the new image is begun, over all resumptions.
        static let attempts = 3
    }

    let folder: FlashFolder
    let library: FirmwareLibrary
    let leases: PortLeases
    let loop: EventLoop
    let settings: Settings

    package init(
        folder: StateFolder, library: FirmwareLibrary, leases: PortLeases, loop: EventLoop,
        settings: Settings = Settings()
    ) {
        self.folder = FlashFolder(folder)
        self.library = library
        self.leases = leases
        self.loop = loop
        self.settings = settings
    }

    /// Flashes one board. Throws before anything is written, or once the board is as well as it
    /// can be made.
    package func flash(
        _ request: Request, progressed: @escaping Reporter = { _ in }
    ) async throws(FlashProblem) -> Report {
        try folder.make()
        let lock = try folder.lock()
        defer { lock.release() }
        if let left = try folder.journal() {
            throw .unfinished(board: left.board, port: left.port)
        }
        return try await leased(request.port) { () async throws(FlashProblem) in
            try await begin(request, progressed)
        }
    }

    private func begin(
        _ request: Request, _ progressed: @escaping Reporter
    ) async throws(FlashProblem) -> Report {
        let running = try await ask(request.port, progressed)
        let firmware = try choose(request, running)
        if let running, running == firmware.facts, !request.again {
            return Report(end: .current, runs: running, before: running)
        }
        let programmer = programmer(firmware.profile, port: request.port)
        progressed(FlashProgress(.connecting))
        let loader = try await connect(programmer)
        try check(firmware, loader)
        let old = try await old(running, firmware, programmer, loader, progressed)
        progressed(FlashProgress(.keepingImages))
        var journal = FlashJournal(
            board: firmware.facts.board, port: request.port, loader: loader.name,
            old: try folder.keep(old, as: .old), new: try folder.keep(firmware.image, as: .new),
            phase: .prepared, attempts: 0)
        // What is known of firmware that runs comes from itself.
        journal.old.facts = running
        try save(&journal, .prepared, progressed)
        return try await write(journal, programmer, loader, progressed)
    }

    /// What the board on a port runs, as it says itself; nil if it does not.
    func running(on port: String) async throws(FlashProblem) -> FirmwareFacts? {
        try await leased(port) { () async throws(FlashProblem) in try await ask(port) { _ in } }
    }

    /// Who the board says it is; nil if it does not.
    private func ask(
        _ port: String, _ progressed: Reporter
    ) async throws(FlashProblem) -> FirmwareFacts? {
        progressed(FlashProgress(.asking))
        switch await BoardProbe.ask(port, patience: settings.asking, loop: loop) {
        case .found(let facts, _): return facts
        case .silent, .refused: return nil
        case .noPort(let problem): throw .notStarted("\(port): \(problem)")
        }
    }

    private func choose(
        _ request: Request, _ running: FirmwareFacts?
    ) throws(FlashProblem) -> FirmwareLibrary.Firmware {
        guard let board = request.board ?? running?.board else {
            throw .refused(
                "the board on \(request.port) does not say what it is; say it with --board, one of "
                    + FlashProfile.all.map(\.family).joined(separator: ", "))
        }
        guard let profile = FlashProfile.of(board: board) else {
            throw .refused("a board called \"\(board)\" cannot be flashed from here")
        }
        if let running, FlashProfile.of(board: running.board) != profile {
            throw .refused("the board on \(request.port) says that it is \(running.words)")
        }
        switch request.source {
        case .library: return try library.firmware(for: board)
        case .build(let build): return try library.firmware(for: board, build: build)
        case .file(let path):
            let firmware = try FirmwareLibrary.firmware(at: path)
            guard firmware.facts.board == board else {
                throw .refused(
                    "\(path) is \(firmware.facts.words), and the board is a \"\(board)\"; "
                        + "--board says which firmware it shall have")
            }
            return firmware
        }
    }

    func connect(_ programmer: any BoardProgrammer) async throws(FlashProblem) -> FoundLoader {
        do {
            return try await programmer.connect()
        } catch {
            switch error {
            case .wrongChip(let reason): throw .refused(reason)
            case .unreachable(let reason), .failed(let reason): throw .notStarted(reason)
            }
        }
    }

    private func check(
        _ firmware: FirmwareLibrary.Firmware, _ loader: FoundLoader
    ) throws(FlashProblem) {
        guard let range = firmware.image.range, range.upperBound <= loader.room.upperBound,
            range.lowerBound >= loader.room.lowerBound
        else {
            throw .refused(
                "the image is too large: it would reach into the bootloader (\(loader.name)), "
                    + "which begins at \(FirmwareLibrary.hex(loader.room.upperBound))")
        }
    }

    /// The image that is in the board: from the library if its build is known, else read.
    private func old(
        _ running: FirmwareFacts?, _ new: FirmwareLibrary.Firmware,
        _ programmer: any BoardProgrammer, _ loader: FoundLoader, _ progressed: @escaping Reporter
    ) async throws(FlashProblem) -> FirmwareImage {
        let end = new.image.range?.upperBound ?? loader.room.lowerBound
        if let running, let known = library.image(board: running.board, build: running.build) {
            return known.covering(loader.room, to: end)
        }
        progressed(FlashProgress(.readingOld, percent: 0))
        let room = Self.touched(new.image, in: loader.room, by: new.profile)
        do {
            let read = try await programmer.read(room, loader) {
                progressed(FlashProgress(.readingOld, percent: $0))
            }
            return read.covering(room, to: end)
        } catch {
            throw .notStarted("the former firmware cannot be read: \(error)")
        }
    }

    /// What writing an image may change, or all firmware if that is quickly read.
    private static func touched(
        _ image: FirmwareImage, in room: Range<Int>, by profile: FlashProfile
    ) -> Range<Int> {
        guard case .esp = profile.method, let range = image.range else { return room }
        let sector = ESPCommand.Sizes.sectorBytes
        let end = (range.upperBound + sector - 1) / sector * sector
        return range.lowerBound..<min(end, room.upperBound)
    }

    func programmer(_ profile: FlashProfile, port: String) -> any BoardProgrammer {
        switch profile.method {
        case .avr(let part, let signature, let loaders):
            AvrdudeProgrammer(
                port: port, part: part, signature: signature, loaders: loaders, loop: loop,
                path: settings.avrdude, scratch: "\(folder.path)/read.hex")
        case .esp(let chip):
            ESPProgrammer(port: port, chip: chip, room: profile.room, loop: loop)
        }
    }

    /// Says it after it is on disk.
    func save(
        _ journal: inout FlashJournal, _ phase: FlashJournal.Phase, _ progressed: Reporter
    ) throws(FlashProblem) {
        journal.phase = phase
        try folder.save(journal)
        progressed(FlashProgress(.journaled(phase)))
    }

    /// Runs `body` while nobody else uses the port.
    func leased<Answer: Sendable>(
        _ port: String, _ body: () async throws(FlashProblem) -> Answer
    ) async throws(FlashProblem) -> Answer {
        try await leases.take(port, PortLeases.Limits.seconds)
        let renewal = Task { [leases] in
            while !Task.isCancelled {
                try await Task.sleep(for: PortLeases.Limits.renewal)
                // An agent that has gone meanwhile needs no lease.
                try? await leases.take(port, PortLeases.Limits.seconds)
            }
        }
        let result: Result<Answer, FlashProblem>
        do {
            result = .success(try await body())
        } catch {
            result = .failure(error)
        }
        renewal.cancel()
        // A renewal under way must not come after the port was given back.
        _ = await renewal.result
        await leases.giveBack(port)
        return try result.get()
    }
}
