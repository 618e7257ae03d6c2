internal import Hardware
internal import Platform

extension FlashService {
    /// Tells a board whether a wired E-stop is fitted to it (docs/link.md §4.2). The board keeps that
    /// over power-off and flashing. Its outputs are off meanwhile.
    /// - Returns: what the board runs.
    package func setWiredStop(
        _ isFitted: Bool, on port: String
    ) async throws(FlashProblem) -> FirmwareFacts {
        try folder.make()
        let lock = try folder.lock()
        defer { lock.release() }
        return try await leased(port) { () async throws(FlashProblem) in
            let options: UInt8 = isFitted ? 1 : 0
            let answer = await BoardProbe.ask(
                port, options: options, patience: settings.proof, loop: loop)
            switch answer {
            case .found(let facts, _): return facts
            case .refused(.outOfRange):
                throw .refused("the board has no input for a wired E-stop")
            case .refused(.unknownType):
                throw .refused("the board's firmware knows no wired E-stop; flash a newer one")
            case .refused(let refusal): throw .refused("the board says \(refusal)")
            case .silent(let reason): throw .notStarted("\(port): \(reason)")
            case .noPort(let problem): throw .notStarted("\(port): \(problem)")
            }
        }
    }
}
