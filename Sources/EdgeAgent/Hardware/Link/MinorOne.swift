internal import SharedModels

/// The numbers that came with minor version 1 of the link (docs/link.md §3 and §5).
enum MinorOne {
    static let unlock: UInt8 = 0x0F
    static let glide = 8
    static let brake = 9
    static let level = 10
    static let effect = 11
    static let move = 12
}

extension Operation.Easing {
    var number: UInt8 { self == .smooth ? 1 : 0 }
}

extension Operation.Effect {
    var number: UInt8 {
        switch self {
        case .rainbow: 1
        case .chase: 2
        case .breathe: 3
        case .flash: 4
        case .sparkle: 5
        }
    }
}
