internal import Hardware
internal import SharedModels

/// A word that an agent gives for what it did not do, or for what happened to a board, with a
/// sentence that says what it means, and what to do. Every word that can be given is here: the
/// switches below are complete, or do not compile.
package struct Explanation: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        case command = "Why a command was not done"
        case fault = "What happened to a board"
        case flash = "How a flashing ended"
    }

    package let kind: Kind
    package let word: String
    package let sentence: String
    package let advice: String

    /// All of them, by kind.
    package static let all: [Explanation] =
        Reason.allCases.map {
            Explanation(
                kind: .command, word: $0.rawValue, sentence: $0.sentence, advice: $0.advice)
        }
        + BoardFault.allCases.map {
            Explanation(kind: .fault, word: $0.rawValue, sentence: $0.sentence, advice: $0.advice)
        }
        + FlashReport.Status.allCases.filter(\.isEnd).map {
            Explanation(kind: .flash, word: $0.rawValue, sentence: $0.sentence, advice: $0.advice)
        }

    /// Of a word as it was given; a word may be of several kinds.
    package static func of(_ word: String) -> [Explanation] {
        all.filter { $0.word == word }
    }
}

/// The words of `BoardState.fault`.
package enum BoardFault: String, Hashable, Sendable, CaseIterable {
    case linkLost = "link_lost"
    case watchdog
    case onMax = "max_on"
    case brownOut = "brown_out"
    case wiredStop = "estop_wired"
    case bootLoop = "boot_loop"
    /// Of later firmware: written `fault_` and its number.
    case unknown = "fault"

    /// As the board says it.
    init(_ fault: BoardEvent.Fault) {
        self =
            switch fault {
            case .linkLost: .linkLost
            case .watchdog: .watchdog
            case .onMax: .onMax
            case .brownOut: .brownOut
            case .wiredStop: .wiredStop
            case .unknown: .unknown
            }
    }

    /// As it was told; nil for none.
    package init?(told word: String) {
        guard !word.isEmpty else { return nil }
        self = Self(rawValue: word) ?? .unknown
    }

    package var sentence: String {
        switch self {
        case .linkLost:
            "The board heard nothing of this computer for half a second and made itself safe."
        case .watchdog: "The board's program hung; its watchdog made it safe and restarted it."
        case .onMax: "An output was on for as long as its channel allows and was cut off."
        case .wiredStop:
            "The E-stop that is wired to the board was pressed, or its wire is broken."
        case .brownOut: "The board's supply voltage broke down, and it restarted."
        case .bootLoop: "The board restarted three times within a minute and was put out of use."
        case .unknown: "The board reports a fault that this release does not know."
        }
    }

    package var advice: String {
        switch self {
        case .linkLost: "Check the cable, and whether this computer is overloaded or was asleep."
        case .watchdog: "Update the board's firmware; tell its makers if it comes again."
        case .onMax: "Give the rule a shorter time, or the channel a longer one if that is safe."
        case .wiredStop:
            "Find out why, then release the button; the board can be armed again from then on."
        case .brownOut: "Give motors and strips a supply of their own, and look at the cable."
        case .bootLoop: Reason.quarantined.advice
        case .unknown: "Update the agent to the release of the board's firmware."
        }
    }
}

extension FlashReport.Status {
    package var sentence: String {
        switch self {
        case .running: "It goes on."
        case .flashed: "The board runs the new firmware and has said so."
        case .refused: "Board or image will not do; nothing was written."
        case .failed: "It could not begin; nothing was written."
        case .putBack:
            "The new firmware did not prove itself; the former one was put back, and works."
        case .stranded: "It was cut off; the board may have no firmware that works."
        }
    }

    package var advice: String {
        switch self {
        case .running: "Leave the board plugged in."
        case .flashed: "Nothing: this was asked for."
        case .refused: "Check that the image is for this kind of board, and whole."
        case .failed:
            "Check cable and port, that avrdude is installed, and that nobody else flashes."
        case .putBack: "Try another build; the reason says at which step it failed."
        case .stranded: "Plug the board in where it was and run cuelight-agent flash --resume."
        }
    }
}
