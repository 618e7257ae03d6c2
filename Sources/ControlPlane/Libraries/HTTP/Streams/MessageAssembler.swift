/// Puts the frames of a client together and judges them (RFC 6455 §5.4–5.6, §7.1, §8.1): a pure
/// state machine.
struct MessageAssembler {
    enum Event: Equatable {
        case text(String)
        case binary([UInt8])
        case ping([UInt8])
        case pong
        /// The peer closes.
        case close(CloseCode)
        /// The peer broke a rule: close with this code.
        case failure(CloseCode, String)
    }

    private let limit: Int
    /// The kind of the message whose frames are arriving.
    private var kind: WebSocketFrame.Opcode?
    private var message: [UInt8] = []
    private var control: [UInt8] = []
    private var isInsideFrame = false

    /// - Parameter limit: bytes of one message.
    init(limit: Int) { self.limit = limit }

    mutating func add(_ part: FrameReader.Part) -> Event? {
        guard let opcode = WebSocketFrame.Opcode(rawValue: part.opcode), part.reserved == 0,
            part.isMasked
        else { return .failure(.protocolError, "not a frame of a client") }
        if opcode.isControl { return addControl(opcode, part) }
        if !isInsideFrame {
            guard (opcode == .continuation) == (kind != nil) else {
                return .failure(.protocolError, "fragments out of order")
            }
            guard part.payloadSize <= UInt64(limit - message.count) else {
                return .failure(.tooBig, "a message may have \(limit) bytes")
            }
            if opcode != .continuation { kind = opcode }
        }
        isInsideFrame = !part.isLast
        message.append(contentsOf: part.bytes)
        guard part.isLast, part.isFinal else { return nil }
        return finish()
    }

    private mutating func finish() -> Event {
        let bytes = message
        let isText = kind == .text
        message = []
        kind = nil
        guard isText else { return .binary(bytes) }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            return .failure(.invalidText, "not UTF-8")
        }
        return .text(text)
    }

    private mutating func addControl(
        _ opcode: WebSocketFrame.Opcode, _ part: FrameReader.Part
    ) -> Event? {
        guard part.isFinal, part.payloadSize <= 125 else {
            return .failure(.protocolError, "control frame too long or fragmented")
        }
        control.append(contentsOf: part.bytes)
        guard part.isLast else { return nil }
        let payload = control
        control = []
        switch opcode {
        case .ping: return .ping(payload)
        case .pong: return .pong
        default: return close(payload)
        }
    }

    private func close(_ payload: [UInt8]) -> Event {
        if payload.isEmpty { return .close(.none) }
        guard payload.count >= 2 else { return .failure(.protocolError, "close without a code") }
        let code = CloseCode(rawValue: UInt16(payload[0]) << 8 | UInt16(payload[1]))
        guard code.isValidOnTheWire else { return .failure(.protocolError, "close code") }
        guard String(validating: payload[2...], as: UTF8.self) != nil else {
            return .failure(.invalidText, "not UTF-8")
        }
        return .close(code)
    }
}
