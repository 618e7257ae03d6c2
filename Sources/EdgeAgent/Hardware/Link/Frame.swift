internal import FirmwareCore

/// One frame of the link EP/1 (docs/link.md §1), as both sides mean it.
package struct Frame: Hashable, Sendable {
    /// The longest payload, bytes.
    package static let payloadMaxBytes = CUE_PAYLOAD_SIZE_MAX

    package let type: UInt8
    package let sequence: UInt8
    package let payload: [UInt8]

    package init(type: UInt8, sequence: UInt8, payload: [UInt8] = []) {
        self.type = type
        self.sequence = sequence
        self.payload = payload
    }

    /// The bytes on the wire, both delimiters included; nil if the payload is too long.
    package var wire: [UInt8]? {
        var size = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: CUE_FRAME_SIZE_MAX) { buffer, count in
            // An empty array may have no address; the codec then reads nothing.
            let status = payload.withUnsafeBufferPointer { payload in
                cue_link_encode(
                    type, sequence, payload.baseAddress, payload.count, buffer.baseAddress,
                    buffer.count, &size)
            }
            count = status == CUE_OK ? size : 0
        }
        return bytes.isEmpty ? nil : bytes
    }
}

/// Finds frames in a stream of bytes, whatever the bytes are.
package struct FrameDecoder: Sendable {
    /// What a stretch of bytes turned out to be.
    package enum Finding: Hashable, Sendable {
        case frame(Frame)
        /// Well formed, with the wrong check.
        case badCRC
        /// Broken COBS, too short or too long.
        case badFraming
    }

    private var decoder = cue_decoder_t()

    package init() {}

    /// Takes any bytes, and calls `found` in order for everything they complete.
    package mutating func feed(_ bytes: some Sequence<UInt8>, found: (Finding) -> Void) {
        for byte in bytes {
            switch cue_decoder_push(&decoder, byte) {
            case CUE_LINK_FRAME: found(.frame(frame))
            case CUE_LINK_BAD_CRC: found(.badCRC)
            case CUE_LINK_BAD_FRAMING: found(.badFraming)
            default: break
            }
        }
    }

    private var frame: Frame {
        // The C frame points into the decoder, which lives in this closure's argument.
        withUnsafePointer(to: decoder) { pointer in
            let frame = cue_decoder_frame(pointer)
            let payload = UnsafeBufferPointer(start: frame.payload, count: frame.payload_size)
            return Frame(type: frame.type, sequence: frame.seq, payload: Array(payload))
        }
    }
}
