package import Hardware

/// Why a command did not end as executed: the word that `Outcome.reason` carries, with a
/// sentence for people and what to do about it.
package enum Reason: String, Hashable, Sendable, CaseIterable {
    // Refused by the agent.
    case badCommand = "bad_command"
    case noBoard = "no_board"
    case noChannel = "no_channel"
    case badOperation = "bad_operation"
    case outOfRange = "out_of_range"
    case queueFull = "queue_full"
    case clockSkew = "clock_skew"
    case journalFailed = "journal_failed"
    case quarantined
    case noSequence = "no_sequence"
    case sequencePending = "sequence_pending"
    case notPlaying = "not_playing"
    case clockUnknown = "clock_unknown"
    // Refused by the board.
    case unknownType = "unknown_type"
    case badLength = "bad_length"
    case notArmed = "not_armed"
    case estopped
    case badChannel = "bad_channel"
    case busy
    case wrongNonce = "wrong_nonce"
    case notBlank = "not_blank"
    case locked
    case refused
    // Too late.
    case late
    case boardOffline = "board_offline"
    case brokerOffline = "broker_offline"
    case stopUnknown = "stop_unknown"
    case waited
    // Not known.
    case linkLost = "link_lost"
    case unplugged
    case rebooted
    case unknownAfterCrash = "unknown_after_crash"
    // Taken back.
    case takenBack = "taken_back"
    case superseded

    package init(_ refusal: Refusal?) {
        self =
            switch refusal {
            case .unknownType: .unknownType
            case .badLength: .badLength
            case .notArmed: .notArmed
            case .estopped: .estopped
            case .badChannel: .badChannel
            case .badOperation: .badOperation
            case .outOfRange: .outOfRange
            case .busy: .busy
            case .wrongNonce: .wrongNonce
            case .notBlank: .notBlank
            case .locked: .locked
            case nil: .refused
            }
    }

    /// What happened, as a sentence.
    package var sentence: String {
        switch self {
        case .badCommand: "The command could not be read."
        case .noBoard: "No board with this identity was ever connected to this agent."
        case .noChannel: "The board has no channel of this name."
        case .badOperation: "The channel cannot do this operation."
        case .outOfRange: "A number is outside what the channel allows."
        case .queueFull: "Too many commands wait for the channel already."
        case .clockSkew: "The command was issued in the future of the agent's clock."
        case .journalFailed: "The agent could not write its journal, so it did nothing."
        case .quarantined: "The board kept restarting and was put out of use."
        case .noSequence: "The board has no such sequence."
        case .sequencePending: "The sequence is not on the board yet."
        case .notPlaying: "The board plays nothing."
        case .clockUnknown: "The board's clock has not been read yet."
        case .unknownType: "The board does not know this request; its firmware is older."
        case .badLength: "The board found the request's size wrong; its firmware differs."
        case .notArmed: "The board would not stay armed."
        case .estopped: "The emergency stop is active."
        case .badChannel: "The board knows no such channel; its manifest is out of date."
        case .busy: "The channel is busy for longer than the command may wait."
        case .wrongNonce: "The board had restarted."
        case .notBlank: "The board has an identity already."
        case .locked:
            "The channel is dangerous and locked; an operator unlocks it for a while, in the "
                + "console or by PUT …/devices/{id}/unlock."
        case .refused: "The board refused for a reason that this agent does not know."
        case .late: "The command arrived after its deadline."
        case .boardOffline: "The board did not answer before the deadline."
        case .brokerOffline: "The agent had no broker until the deadline had passed."
        case .stopUnknown: "The agent had not been told whether it is stopped."
        case .waited: "The channel was not free before the deadline."
        case .linkLost: "The board fell silent after the command was sent; it may have been done."
        case .unplugged:
            "The board was unplugged before it was done; what was sent may have been done in part."
        case .rebooted: "The board restarted after the command was sent; it may have been done."
        case .unknownAfterCrash:
            "The agent stopped after the command was sent; it may have been done."
        case .takenBack: "The command was taken back before it was done."
        case .superseded: "A later off of the same channel came first."
        }
    }

    /// What a person can do about it.
    package var advice: String {
        switch self {
        case .badCommand, .unknownType, .badLength, .wrongNonce, .notBlank, .refused:
            "Update the agent and the board's firmware to the same release."
        case .noBoard: "Plug the board into this computer, or correct the device's board."
        case .noSequence: "Put the sequence to the device, or correct the rule; see its state."
        case .sequencePending, .clockUnknown: "Wait a few seconds, with the board's outputs off."
        case .notPlaying: "Nothing: there is nothing to stop."
        case .noChannel, .badChannel: "Reload the device's channels and correct the rule."
        case .badOperation, .outOfRange: "Correct the rule's action for this channel."
        case .queueFull: "Give the rule a cooldown, or shorten what the channel does."
        case .clockSkew: "Set this computer's clock (timedatectl set-ntp true)."
        case .journalFailed: "Free disk space in the agent's state folder and check its disk."
        case .quarantined:
            "Check the board's power supply and what its outputs draw, then release it with "
                + "cuelight-agent release BOARD, or leave it ten minutes without a restart."
        case .notArmed: "Look at the board's faults; a cable or its power may be bad."
        case .estopped:
            "Release the emergency stop, in the console or at the board, when the stage is safe."
        case .locked: "Unlock the channel for a while, when nobody is in its way."
        case .busy, .waited: "Give the command more time, or the rule a cooldown."
        case .late: "Check the network, and this computer's clock."
        case .boardOffline, .linkLost, .unplugged: "Check the board's cable and power."
        case .brokerOffline: "Check this computer's network and the server."
        case .stopUnknown: "Check that the server runs and that its broker retains messages."
        case .rebooted: "Check the board's power supply."
        case .unknownAfterCrash: "Look at the stage before you send it again."
        case .takenBack, .superseded: "Nothing: this was asked for."
        }
    }
}
