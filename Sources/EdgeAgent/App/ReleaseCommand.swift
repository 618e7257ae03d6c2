internal import Agent
internal import Platform
internal import SharedModels

/// `cuelight-agent release`.
struct ReleaseCommand {
    private let flags: CommandLineFlags
    private let board: BoardUID

    init(_ flags: CommandLineFlags) throws {
        guard let board = flags.words.first.flatMap({ BoardUID($0) }) else {
            throw UsageError("a board's identity is 16 hexadecimal digits", of: "release")
        }
        self.flags = flags
        self.board = board
    }

    func run() throws -> Int32 {
        let folder = CuelightAgent.folder(flags)
        let isReleased: Bool
        do throws(ControlClient.Problem) {
            isReleased = try ControlClient.release(board, at: folder.controlPath)
        } catch {
            // Without a pairing there is nothing to start.
            _ = try folder.identity()
            throw error
        }
        return CuelightAgent.say(
            isReleased
                ? "Board \(board) may work again.\n" : "Board \(board) is not in quarantine.\n")
    }
}
