internal import Synchronization

/// What can go wrong with the services that `cuelight up` runs.
enum EmbeddedProblem: Error, CustomStringConvertible {
    case cannotMakeCluster(String)
    case silent(service: String, reason: String)
    case missingPlugin(path: String)

    var description: String {
        switch self {
        case .cannotMakeCluster(let reason): "cannot make a PostgreSQL cluster: \(reason)"
        case .silent(let service, let reason): "\(service) does not answer: \(reason)"
        case .missingPlugin(let path):
            "the broker's authentication plugin is not at \(path); build it with "
                + "`make broker-plugin`, or name it with --broker-plugin"
        }
    }
}

/// The last lines that a program wrote.
final class OutputTail: Sendable {
    private static let linesMax = 20
    private let lines = Mutex<[String]>([])

    func append(_ line: String) {
        lines.withLock { lines in
            lines.append(line)
            if lines.count > Self.linesMax { lines.removeFirst() }
        }
    }

    var text: String { lines.withLock { $0.joined(separator: "; ") } }
}
