internal import Hardware

/// Reads and writes a board's flash through its bootloader. It never writes outside the room that
/// `connect` names.
protocol BoardProgrammer: Sendable {
    typealias Progressed = @Sendable (_ percent: Int) -> Void

    /// Finds the bootloader and checks that the chip is the right one. Writes nothing.
    func connect() async throws(ProgrammerProblem) -> FoundLoader
    /// What is in the room.
    func read(
        _ room: Range<Int>, _ loader: FoundLoader, progressed: @escaping Progressed
    ) async throws(ProgrammerProblem) -> FirmwareImage
    /// Writes, and compares what is in the flash with what was meant.
    func write(
        imageAt path: String, _ image: FirmwareImage, _ loader: FoundLoader,
        progressed: @escaping @Sendable (_ isVerifying: Bool, _ percent: Int) -> Void
    ) async throws(ProgrammerProblem)
    /// Lets the firmware run, if the bootloader does not by itself.
    func restart() async
}

struct FoundLoader: Hashable, Sendable {
    let name: String
    /// Addresses that firmware may use.
    let room: Range<Int>
}

enum ProgrammerProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// The chip is not the one it should be.
    case wrongChip(String)
    /// Nobody answers, or the tool is missing.
    case unreachable(String)
    /// It went wrong on the way; the flash may hold anything.
    case failed(String)

    var description: String {
        switch self {
        case .wrongChip(let text), .unreachable(let text), .failed(let text): text
        }
    }
}
