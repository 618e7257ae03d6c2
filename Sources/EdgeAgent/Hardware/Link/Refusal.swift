/// Why a board refused a request: the NAK reasons of docs/link.md §3.3.
package enum Refusal: UInt8, Hashable, Sendable, CaseIterable {
    case unknownType = 1
    case badLength
    case notArmed
    case estopped
    case badChannel
    case badOperation
    case outOfRange
    case busy
    case wrongNonce
    case notBlank
    case locked

    /// For machines, as in `Outcome.reason`.
    package var word: String {
        switch self {
        case .unknownType: "unknown_type"
        case .badLength: "bad_length"
        case .notArmed: "not_armed"
        case .estopped: "estopped"
        case .badChannel: "bad_channel"
        case .badOperation: "bad_operation"
        case .outOfRange: "out_of_range"
        case .busy: "busy"
        case .wrongNonce: "wrong_nonce"
        case .notBlank: "not_blank"
        case .locked: "locked"
        }
    }
}
