internal import FoundationEssentials
internal import Glibc
internal import Platform
internal import SharedModels

/// What was ordered last, and how it stands: on disk before anything is done, so that an agent
/// that was killed can tell how it ended.
struct FlashRecord: Hashable, Sendable, Codable {
    let order: FlashOrder
    /// Where the board was.
    let port: String
    var report: FlashReport

    func ended(_ status: FlashReport.Status, reason: String) -> FlashRecord {
        FlashRecord(
            order: order, port: port,
            report: FlashReport(
                id: order.id, status: status, step: report.step, percent: report.percent,
                reason: reason))
    }
}

extension FlashFolder {
    private static let recordMaxBytes = 16 * 1024

    private var recordPath: String { "\(path)/order.json" }

    /// The last order; nil if there was none, or if it cannot be read.
    func record() throws -> FlashRecord? {
        do {
            let bytes = try SmallFile.read(recordPath, sizeMax: Self.recordMaxBytes)
            return try JSONDecoder().decode(FlashRecord.self, from: Data(bytes))
        } catch let error as LinuxError where error.code == ENOENT {
            return nil
        }
    }

    /// On disk when it returns.
    func save(_ record: FlashRecord) throws {
        try make()
        try SmallFile.replace(recordPath, with: Array(try JSONEncoder().encode(record)))
    }
}

extension FlashProblem {
    /// As the control plane is told of it.
    var status: FlashReport.Status {
        switch self {
        case .refused: .refused
        case .notStarted, .unfinished, .inProgress: .failed
        case .putBack: .putBack
        case .stranded: .stranded
        }
    }

    /// Why, for whoever knows from the status what it means for the board.
    var reportedReason: String {
        switch self {
        case .refused(let reason), .notStarted(let reason), .putBack(let reason): reason
        case .unfinished, .inProgress, .stranded: description
        }
    }
}
