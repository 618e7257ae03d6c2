/// Why flashing did not do what was asked for, and how the board is now.
package enum FlashProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// The board or the image will not do; nothing was written.
    case refused(String)
    /// It could not begin; nothing was written.
    case notStarted(String)
    /// An earlier flashing did not end: it comes first.
    case unfinished(board: String, port: String)
    /// Another process is flashing with this state folder.
    case inProgress
    /// The new firmware did not prove itself; the former one runs again.
    case putBack(reason: String)
    /// The board may have no firmware that runs; the journal is kept.
    case stranded(reason: String, port: String)

    package var description: String {
        switch self {
        case .refused(let reason): "refused, nothing was written: \(reason)"
        case .notStarted(let reason): "nothing was written: \(reason)"
        case .unfinished(let board, let port):
            "an earlier flashing of the \(board) on \(port) did not end; "
                + "run first: cuelight-agent flash --resume"
        case .inProgress:
            "another process is flashing with this state folder; wait until it has ended"
        case .putBack(let reason): "\(reason); the former firmware was put back, and works"
        case .stranded(let reason, let port):
            "\(reason). The board may have no working firmware now; its outputs are off as long "
                + "as none runs. Nothing is lost: both images are kept. Plug the board in at "
                + "\(port) (or name its port with --port) and run: cuelight-agent flash --resume"
        }
    }
}
