internal import FirmwareCore
package import SharedModels

/// What the host asks of a board (docs/link.md §3.1).
package enum LinkRequest: Hashable, Sendable {
    case hello
    case manifestRead(offset: UInt16)
    case arm(nonce: UInt32)
    case disarm
    case beat
    case command(LinkCommand)
    case emergencyStop
    case emergencyStopClear(nonce: UInt32)
    case countersRead
    case identityWrite(BoardUID)
    /// A bit for each dangerous channel that may be used from now on, for so many seconds.
    case unlock(nonce: UInt32, mask: UInt16, seconds: UInt16)
    /// 1 to 40 bytes of the program memory; voids what was committed.
    case sequenceWrite(offset: UInt16, bytes: [UInt8])
    case sequenceCommit(CommittedPrograms)
    case sequenceRead
    case clockRead
    /// Bit 0: the wired E-stop is fitted and counts. Kept over power-off; refused while armed.
    case optionsWrite(UInt8)

    package var type: UInt8 {
        let number =
            switch self {
            case .hello: CUE_HELLO_REQUEST
            case .manifestRead: CUE_MANIFEST_READ
            case .arm: CUE_ARM
            case .disarm: CUE_DISARM
            case .beat: CUE_BEAT
            case .command(let command): Int(command.type)
            case .emergencyStop: CUE_ESTOP
            case .emergencyStopClear: CUE_ESTOP_CLEAR
            case .countersRead: CUE_COUNTERS_READ
            case .identityWrite: CUE_IDENTITY_WRITE
            case .unlock: CUE_UNLOCK
            case .sequenceWrite: CUE_SEQUENCE_WRITE
            case .sequenceCommit: CUE_SEQUENCE_COMMIT
            case .sequenceRead: CUE_SEQUENCE_READ
            case .clockRead: CUE_CLOCK_READ
            case .optionsWrite: CUE_OPTIONS_WRITE
            }
        return UInt8(truncatingIfNeeded: number)
    }

    package var payload: [UInt8] {
        var bytes: [UInt8] = []
        switch self {
        case .hello, .disarm, .beat, .emergencyStop, .countersRead, .sequenceRead, .clockRead: break
        case .optionsWrite(let flags): bytes.append(flags)
        case .sequenceWrite(let offset, let chunk):
            bytes.append(u16: offset)
            bytes += chunk
        case .sequenceCommit(let programs):
            bytes.append(u16: programs.sizeBytes)
            bytes.append(u32: programs.crc32)
        case .manifestRead(let offset): bytes.append(u16: offset)
        case .arm(let nonce), .emergencyStopClear(let nonce): bytes.append(u32: nonce)
        case .command(let command): bytes = command.payload
        case .unlock(let nonce, let mask, let seconds):
            bytes.append(u32: nonce)
            bytes.append(u16: mask)
            bytes.append(u16: seconds)
        case .identityWrite(let uid):
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: uid.value >> UInt64(shift)))
            }
        }
        return bytes
    }

    /// The host sends nothing else until the answer, because the board may not listen meanwhile.
    package var isQuiet: Bool {
        switch self {
        case .command(let command): command.isQuiet
        case .identityWrite, .sequenceCommit, .optionsWrite: true
        default: false
        }
    }
}

/// An operation in the words of one channel, ready to be framed.
package struct LinkCommand: Hashable, Sendable {
    package let isQuiet: Bool
    /// COMMAND, or SEQUENCE_START.
    package let type: UInt8
    package let payload: [UInt8]

    init(type: UInt8, payload: [UInt8]) {
        isQuiet = false
        self.type = type
        self.payload = payload
    }

    /// - Parameters:
    ///   - operation: one that `channel.refusal(of:)` has nothing against; numbers outside their
    ///     range are cut to it, and the board refuses them.
    package init(_ operation: Operation, on channel: Channel) {
        isQuiet = channel.isQuiet
        type = UInt8(truncatingIfNeeded: CUE_COMMAND)
        var bytes: [UInt8] = [channel.id, 0]
        let code: Int
        func short(_ value: Int) -> UInt16 { UInt16(clamping: value) }
        switch operation {
        case .set(let on, let duration):
            code = CUE_OP_SET
            bytes.append(on ? 1 : 0)
            bytes.append(u16: on ? short(duration) : 0)
        case .pulse(let duration):
            code = CUE_OP_PULSE
            bytes.append(u16: short(duration))
        case .target(let angle, let hold):
            code = CUE_OP_TARGET
            bytes.append(u16: short(angle))
            bytes.append(u16: short(hold))
        case .drive(let speed, let duration):
            code = CUE_OP_DRIVE
            bytes.append(u16: UInt16(bitPattern: Int16(clamping: speed)))
            bytes.append(u16: speed == 0 ? 0 : short(duration))
        case .tone(let frequency, let duration):
            code = CUE_OP_TONE
            bytes.append(u16: short(frequency))
            bytes.append(u16: short(duration))
        case .fill(let color, let first, let count, let duration):
            code = CUE_OP_FILL
            bytes += [color.red, color.green, color.blue, UInt8(clamping: first)]
            // Count 0 means all that follow.
            let all = (channel.pixels ?? 0) - first
            bytes.append(UInt8(clamping: count == 0 ? all : count))
            bytes.append(u16: short(duration))
        case .glide(let angle, let move, let easing, let hold):
            code = CUE_OP_GLIDE
            bytes.append(u16: short(angle))
            bytes.append(u16: short(move))
            bytes.append(easing.number)
            bytes.append(u16: short(hold))
        case .brake(let duration):
            code = CUE_OP_BRAKE
            bytes.append(u16: short(duration))
        case .level(let permille, let fade, let duration):
            code = CUE_OP_LEVEL
            bytes.append(u16: short(permille))
            bytes.append(u16: short(fade))
            bytes.append(u16: permille == 0 ? 0 : short(duration))
        case .effect(let effect, let color, let period, let duration):
            code = CUE_OP_EFFECT
            bytes += [effect.number, color.red, color.green, color.blue]
            bytes.append(u16: short(period))
            bytes.append(u16: short(duration))
        case .move(let position, let speed, let hold):
            code = CUE_OP_MOVE
            bytes.append(u32: UInt32(bitPattern: Int32(clamping: position)))
            bytes.append(u16: short(speed))
            bytes.append(u16: short(hold))
        // The board itself has no number of a channel: its frames are made where it is known what
        // it plays (`LinkCommand.init(program:startAtMilliseconds:)`).
        case .off, .play, .stop: code = CUE_OP_OFF
        }
        bytes[1] = UInt8(clamping: code)
        payload = bytes
    }
}
