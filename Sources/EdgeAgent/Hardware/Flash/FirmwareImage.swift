/// What is in a board's flash, or shall be: stretches of bytes at addresses, in order and apart.
package struct FirmwareImage: Hashable, Sendable {
    package struct Segment: Hashable, Sendable {
        package let address: Int
        package let bytes: [UInt8]

        package init(address: Int, bytes: [UInt8]) {
            self.address = address
            self.bytes = bytes
        }

        package var end: Int { address + bytes.count }
    }

    package enum Limits {
        /// The highest address, exclusive: the largest flash of a board we know.
        package static let addressMax = 16 * 1024 * 1024
    }

    package let segments: [Segment]

    /// Nil if segments overlap or leave the address space. Neighbours are joined.
    package init?(_ segments: [Segment]) {
        var joined: [Segment] = []
        let ordered = segments.filter { !$0.bytes.isEmpty }.sorted { $0.address < $1.address }
        for segment in ordered {
            guard segment.address >= 0, segment.bytes.count <= Limits.addressMax,
                segment.address <= Limits.addressMax - segment.bytes.count
            else { return nil }
            if let last = joined.last {
                guard segment.address >= last.end else { return nil }
                if segment.address == last.end {
                    joined[joined.count - 1] = Segment(
                        address: last.address, bytes: last.bytes + segment.bytes)
                    continue
                }
            }
            joined.append(segment)
        }
        self.segments = joined
    }

    /// One stretch; empty if it does not fit.
    package init(at address: Int, _ bytes: [UInt8]) {
        segments = FirmwareImage([Segment(address: address, bytes: bytes)])?.segments ?? []
    }

    /// The first and the last address, exclusive; nil for an empty image.
    package var range: Range<Int>? {
        guard let first = segments.first, let last = segments.last else { return nil }
        return first.address..<last.end
    }

    package var sizeBytes: Int { segments.reduce(0) { $0 + $1.bytes.count } }

    /// Whether erased flash looks the same.
    package var isBlank: Bool { segments.allSatisfy { $0.bytes.allSatisfy { $0 == 0xFF } } }

    /// The flash of a range, with 0xFF where the image says nothing.
    package func bytes(in range: Range<Int>) -> [UInt8] {
        var bytes = [UInt8](repeating: 0xFF, count: range.count)
        for segment in segments {
            let part = range.clamped(to: segment.address..<segment.end)
            for address in part {
                bytes[address - range.lowerBound] = segment.bytes[address - segment.address]
            }
        }
        return bytes
    }

    /// What lies in the range.
    package func cut(to range: Range<Int>) -> FirmwareImage {
        let kept = segments.compactMap { segment -> Segment? in
            let part = range.clamped(to: segment.address..<segment.end)
            guard !part.isEmpty else { return nil }
            let (start, end) = (
                part.lowerBound - segment.address, part.upperBound - segment.address
            )
            return Segment(address: part.lowerBound, bytes: Array(segment.bytes[start..<end]))
        }
        // Parts of what was in order and apart are so, too.
        return FirmwareImage(kept) ?? FirmwareImage(at: 0, [])
    }

    /// One stretch from the beginning of `room` to the image's last byte that is not erased, and
    /// at least to `end`: written over something else, it leaves nothing of that before `end`.
    package func covering(_ room: Range<Int>, to end: Int) -> FirmwareImage {
        let bytes = bytes(in: room)
        let used = bytes.lastIndex { $0 != 0xFF }.map { $0 + 1 } ?? 0
        let size = min(bytes.count, max(used, end - room.lowerBound))
        return FirmwareImage(at: room.lowerBound, Array(bytes.prefix(size)))
    }
}
