/// Packets on a line of bytes (RFC 1055), as the ROM of an ESP32 speaks them.
package enum SLIP {
    static let end: UInt8 = 0xC0
    static let escape: UInt8 = 0xDB
    static let escapedEnd: UInt8 = 0xDC
    static let escapedEscape: UInt8 = 0xDD

    package static func encode(_ packet: [UInt8]) -> [UInt8] {
        var bytes = [end]
        bytes.reserveCapacity(packet.count + packet.count / 64 + 2)
        for byte in packet {
            switch byte {
            case end: bytes += [escape, escapedEnd]
            case escape: bytes += [escape, escapedEscape]
            default: bytes.append(byte)
            }
        }
        return bytes + [end]
    }

    /// Finds packets in any bytes. What is too long or wrongly escaped is left out.
    package struct Decoder: Sendable {
        /// Of a packet; the longest answer of the ROM has 76 bytes.
        package static let packetMaxBytes = 4096

        private var packet: [UInt8] = []
        private var isInside = false
        private var isEscaped = false
        private var isBroken = false

        package init() {}

        package mutating func feed(
            _ bytes: some Sequence<UInt8>, found: ([UInt8]) -> Void
        ) {
            for byte in bytes {
                if byte == SLIP.end {
                    if isInside, !packet.isEmpty, !isBroken, !isEscaped { found(packet) }
                    // The end of one packet may be the beginning of the next.
                    (packet, isInside, isEscaped, isBroken) = ([], true, false, false)
                } else if isInside, !isBroken {
                    take(byte)
                }
            }
        }

        private mutating func take(_ byte: UInt8) {
            if isEscaped {
                isEscaped = false
                switch byte {
                case SLIP.escapedEnd: packet.append(SLIP.end)
                case SLIP.escapedEscape: packet.append(SLIP.escape)
                default: isBroken = true
                }
            } else if byte == SLIP.escape {
                isEscaped = true
            } else {
                packet.append(byte)
            }
            if packet.count > Self.packetMaxBytes { isBroken = true }
        }
    }
}
