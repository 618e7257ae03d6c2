internal import Platform
package import SharedModels

/// One flashing of one device that a person asked for.
package struct FlashJob: Hashable, Sendable {
    package enum Status: String, Hashable, Sendable, CaseIterable {
        /// The agent has not said yet that it does it.
        case waiting
        case running, flashed, refused, failed
        case putBack = "put_back"
        case stranded

        init(_ status: FlashReport.Status) {
            self =
                switch status {
                case .running: .running
                case .flashed: .flashed
                case .refused: .refused
                case .failed: .failed
                case .putBack: .putBack
                case .stranded: .stranded
                }
        }

        package var isEnd: Bool { self != .waiting && self != .running }
    }

    package enum Limits {
        /// How long after an order's own end its agent may say that it does it.
        static let answer: Duration = .seconds(5)
        /// How long an agent may say nothing of a flashing; one takes five minutes at most.
        static let silence: Duration = .seconds(600)
        /// How many of a device are kept.
        static let keptMax: Int64 = 20
    }

    package let id: FlashJobID
    package let workspace: WorkspaceID
    package let device: DeviceID
    package let agent: AgentID
    /// The kind of board.
    package let kind: String
    package let build: String
    /// What the board ran before.
    package let formerBuild: String
    package let by: AccountID
    package let createdAtMilliseconds: Int64
    package var status = Status.waiting
    package var step = ""
    package var percent: Int?
    package var reason = ""
    package var endedAtMilliseconds: Int64?
    /// It ended because nothing was heard; what is heard later is believed.
    var isUnheard = false

    /// Takes what the agent says; false if that changes nothing.
    mutating func take(_ report: FlashReport, atMilliseconds now: Int64) -> Bool {
        guard report.id == id, !status.isEnd || isUnheard else { return false }
        let before = self
        status = Status(report.status)
        step = report.step
        percent = report.percent
        reason = report.reason
        endedAtMilliseconds = report.status.isEnd ? now : nil
        isUnheard = false
        return self != before
    }

    /// Ends it if nothing was heard for too long; false if that is not so.
    /// - Parameter silence: since the order went out, or since the agent last spoke of it.
    mutating func giveUp(after silence: Duration, atMilliseconds now: Int64) -> Bool {
        let lasts = Duration.milliseconds(FlashOrder.lifetimeMilliseconds) + Limits.answer
        switch status {
        case .waiting where silence > lasts:
            reason =
                "The agent did not say that it has begun; nothing was written unless it says so "
                + "later."
        case .running where silence > Limits.silence:
            reason =
                "Nothing was heard of it any more. The agent tells how it ended when it is back; "
                + "its log and \"cuelight-agent flash --resume\" know more."
        default: return false
        }
        status = .failed
        endedAtMilliseconds = now
        isUnheard = true
        return true
    }
}
