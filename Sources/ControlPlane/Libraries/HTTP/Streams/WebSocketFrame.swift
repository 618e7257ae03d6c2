/// Writes frames of the server: whole and unmasked (RFC 6455 §5.2).
enum WebSocketFrame {
    enum Opcode: UInt8 {
        case continuation = 0x0
        case text = 0x1
        case binary = 0x2
        case close = 0x8
        case ping = 0x9
        case pong = 0xA

        var isControl: Bool { rawValue >= 0x8 }
    }

    static func encode(_ opcode: Opcode, _ payload: some Collection<UInt8>) -> [UInt8] {
        var frame: [UInt8] = []
        let count = payload.count
        frame.reserveCapacity(count + 10)
        frame.append(0x80 | opcode.rawValue)
        if count <= 125 {
            frame.append(UInt8(count))
        } else if count <= 0xFFFF {
            frame.append(126)
            frame.append(UInt8(count >> 8))
            frame.append(UInt8(count & 0xFF))
        } else {
            frame.append(127)
            for shift in stride(from: 56, through: 0, by: -8) {
                frame.append(UInt8(truncatingIfNeeded: UInt64(count) >> UInt64(shift)))
            }
        }
        frame.append(contentsOf: payload)
        return frame
    }

    /// A close frame; the reason is cut to the 123 bytes that fit, at a character.
    static func close(_ code: CloseCode, _ reason: String) -> [UInt8] {
        guard code.isValidOnTheWire else { return encode(.close, []) }
        var text = reason
        while text.utf8.count > 123 { text.removeLast() }
        let number = [UInt8(code.rawValue >> 8), UInt8(code.rawValue & 0xFF)]
        return encode(.close, number + Array(text.utf8))
    }
}
