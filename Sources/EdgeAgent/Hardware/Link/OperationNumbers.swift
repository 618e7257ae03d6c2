internal import FirmwareCore
internal import SharedModels

// The numbers of docs/link.md §5, which are the firmware's own.

extension Operation.Easing {
    var number: UInt8 { self == .smooth ? 1 : 0 }
}

extension Operation.Effect {
    var number: UInt8 {
        let number =
            switch self {
            case .rainbow: CUE_EFFECT_RAINBOW
            case .chase: CUE_EFFECT_CHASE
            case .breathe: CUE_EFFECT_BREATHE
            case .flash: CUE_EFFECT_FLASH
            case .sparkle: CUE_EFFECT_SPARKLE
            }
        return UInt8(truncatingIfNeeded: number)
    }
}
