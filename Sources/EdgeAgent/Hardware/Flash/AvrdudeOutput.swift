/// Reads what avrdude prints, as it comes: how far it is, which chip it found, what went wrong.
/// Any bytes may come; memory is bounded.
package struct AvrdudeOutput: Sendable {
    package enum Activity: Hashable, Sendable { case reading, writing }

    package struct Progress: Hashable, Sendable {
        package let activity: Activity
        package let percent: Int
    }

    private static let lineMaxBytes = 512
    private static let linesMax = 24
    /// A bar has so many `#`.
    private static let marks = 50

    /// The chip's signature; empty until it was told.
    package private(set) var signature: [UInt8] = []
    /// The last lines that say something, oldest first.
    package private(set) var lines: [String] = []
    private var line: [UInt8] = []
    private var bar: Activity?
    private var count = 0

    package init() {}

    /// Takes bytes, and calls `progressed` for every step of a bar.
    package mutating func feed(
        _ bytes: some Sequence<UInt8>, progressed: (Progress) -> Void = { _ in }
    ) {
        for byte in bytes {
            if byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") {
                endLine()
            } else if let bar, byte == UInt8(ascii: "#") {
                guard count < Self.marks else { continue }
                count += 1
                progressed(Progress(activity: bar, percent: count * 100 / Self.marks))
            } else if line.count < Self.lineMaxBytes {
                line.append(byte)
                if byte == UInt8(ascii: "|") { beginBar() }
            }
        }
    }

    private mutating func beginBar() {
        let text = String(decoding: line, as: UTF8.self)
        guard bar == nil, text.hasPrefix("Writing |") || text.hasPrefix("Reading |") else { return }
        bar = text.hasPrefix("W") ? .writing : .reading
        count = 0
    }

    private mutating func endLine() {
        defer {
            line = []
            bar = nil
        }
        let text = String(decoding: line, as: UTF8.self)
        // Pseudo terminals have no modem lines, which it tells each time.
        guard bar == nil, text.contains(where: { !$0.isWhitespace }), !text.contains("TIOCM")
        else { return }
        if lines.count == Self.linesMax { lines.removeFirst() }
        lines.append(text)
        readSignature(text)
    }

    private mutating func readSignature(_ text: String) {
        guard let start = text.range(of: "signature = 0x") else { return }
        let digits = text[start.upperBound...].prefix { $0.isHexDigit }
        guard digits.count == 6, let value = UInt32(digits, radix: 16) else { return }
        signature = [
            UInt8(value >> 16 & 0xFF), UInt8(value >> 8 & 0xFF), UInt8(value & 0xFF),
        ]
    }

    /// What went wrong, in its own words; empty if nothing was said.
    package var complaint: String {
        let found = lines.filter { $0.contains("error") || $0.contains("warning") }
        return (found.isEmpty ? lines : found).suffix(3).map {
            $0.hasPrefix("avrdude") ? String($0.dropFirst(7).drop { $0 == " " || $0 == ":" }) : $0
        }.joined(separator: "; ")
    }
}

extension String {
    /// Where a text occurs first.
    fileprivate func range(of text: String) -> Range<String.Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) {
                return start..<index(start, offsetBy: text.count)
            }
            start = index(after: start)
        }
        return nil
    }
}
