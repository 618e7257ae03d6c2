internal import CWslay

/// Reads the frames of a client through wslay. Used on one loop.
final class FrameReader {
    /// A part of a frame; its bytes are copied out.
    struct Part: Equatable {
        var opcode: UInt8
        var isFinal: Bool
        var reserved: UInt8
        var isMasked: Bool
        /// Whether it is the last part of its frame.
        var isLast: Bool
        /// Of the whole frame, bytes.
        var payloadSize: UInt64
        var bytes: [UInt8]
    }

    enum Outcome: Equatable {
        case part(Part)
        case needsMore
        case broken
    }

    private let reader: OpaquePointer

    init?() {
        guard let reader = cue_ws_reader_create() else { return nil }
        self.reader = reader
    }

    deinit { cue_ws_reader_destroy(reader) }

    /// Whether it holds nothing, so that it can be thrown away until bytes come again.
    var isIdle: Bool { cue_ws_reader_is_idle(reader) != 0 }

    /// Takes parts out of `bytes` until they are used up or `body` returns false.
    /// - Returns: how many bytes were taken, and whether they were frames.
    func read(
        _ bytes: UnsafeBufferPointer<UInt8>, _ body: (Part) -> Bool
    ) -> (taken: Int, isBroken: Bool) {
        cue_ws_reader_give(reader, bytes.baseAddress, bytes.count)
        defer { cue_ws_reader_give(reader, nil, 0) }
        while true {
            switch next() {
            case .needsMore: return (bytes.count, false)
            case .broken: return (bytes.count - cue_ws_reader_left(reader), true)
            case .part(let part):
                if !body(part) { return (bytes.count - cue_ws_reader_left(reader), false) }
            }
        }
    }

    private func next() -> Outcome {
        let part = cue_ws_reader_next(reader)
        switch Int(part.kind) {
        case Int(CUE_WS_MORE): return .needsMore
        case Int(CUE_WS_PART):
            return .part(
                Part(
                    opcode: part.opcode, isFinal: part.is_final != 0, reserved: part.reserved,
                    isMasked: part.is_masked != 0, isLast: part.is_last != 0,
                    payloadSize: part.payload_size,
                    bytes: Array(UnsafeBufferPointer(start: part.data, count: part.data_size))))
        default: return .broken
        }
    }
}
