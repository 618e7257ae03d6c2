/// What flashing does now.
package struct FlashProgress: Hashable, Sendable, CustomStringConvertible {
    package enum Step: Hashable, Sendable {
        /// Asks the board who it is.
        case asking
        /// Looks for the bootloader, and which chip answers.
        case connecting
        case readingOld, keepingImages
        /// The journal is on disk with this phase.
        case journaled(FlashJournal.Phase)
        case writing, verifying
        /// Waits for the new firmware's HELLO.
        case awaitingHello
        case restoring, checkingRestored
        case committed
    }

    package let step: Step
    /// 0 to 100 within the step; nil if it has no measure.
    package let percent: Int?

    package init(_ step: Step, percent: Int? = nil) {
        self.step = step
        self.percent = percent
    }

    /// The step as a word on the wire; nil for what is of no interest there.
    var word: String? {
        switch step {
        case .asking: "asking"
        case .connecting: "connecting"
        case .readingOld: "reading_old"
        case .keepingImages: "keeping_images"
        case .journaled: nil
        case .writing: "writing"
        case .verifying: "verifying"
        case .awaitingHello: "awaiting_hello"
        case .restoring: "restoring"
        case .checkingRestored: "checking_restored"
        case .committed: "committed"
        }
    }

    package var description: String {
        let words =
            switch step {
            case .asking: "asking the board who it is"
            case .connecting: "looking for the bootloader"
            case .readingOld: "reading the former firmware"
            case .keepingImages: "keeping both images"
            case .journaled(let phase): "journal: \(phase.rawValue)"
            case .writing: "writing"
            case .verifying: "verifying"
            case .awaitingHello: "waiting for the new firmware"
            case .restoring: "putting the former firmware back"
            case .checkingRestored: "waiting for the former firmware"
            case .committed: "committed"
            }
        return percent.map { "\(words) \($0) %" } ?? words
    }
}
