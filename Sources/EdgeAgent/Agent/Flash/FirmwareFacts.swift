internal import FoundationEssentials
package import Hardware

/// What firmware says of itself: the manifest that lies in its image as text.
package struct FirmwareFacts: Hashable, Sendable, Codable {
    package let board: String
    package let version: String
    /// 8 hex digits.
    package let build: String

    package init(board: String, version: String, build: String) {
        self.board = board
        self.version = version
        self.build = build
    }

    private struct Manifest: Decodable {
        let board: String
        let firmware: String
        let build: String
    }

    private static let sizeMaxBytes = 4096

    /// Reads them from an image; nil if there is no manifest in it.
    package init?(of image: FirmwareImage) {
        let mark = Array("{\"protocol\":".utf8)
        for segment in image.segments {
            var start = 0
            while let found = Self.find(mark, in: segment.bytes, from: start) {
                if let text = Self.object(in: segment.bytes, from: found),
                    // What only looks like a manifest is passed over.
                    let manifest = try? JSONDecoder().decode(Manifest.self, from: Data(text)),
                    manifest.build.utf8.count == 8
                {
                    self.init(
                        board: manifest.board, version: manifest.firmware, build: manifest.build)
                    return
                }
                start = found + 1
            }
        }
        return nil
    }

    /// As HELLO has it.
    package var buildNumber: UInt32? { UInt32(build, radix: 16) }

    package var words: String { "\(board) \(version), build \(build)" }

    private static func find(_ mark: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
        guard bytes.count >= mark.count, let first = mark.first else { return nil }
        var at = start
        while at <= bytes.count - mark.count {
            guard let candidate = bytes[at...].firstIndex(of: first),
                candidate <= bytes.count - mark.count
            else { return nil }
            if bytes[candidate..<candidate + mark.count].elementsEqual(mark) { return candidate }
            at = candidate + 1
        }
        return nil
    }

    /// The JSON object that begins there; nil if it does not end.
    private static func object(in bytes: [UInt8], from start: Int) -> [UInt8]? {
        var depth = 0
        var isQuoted = false
        var isEscaped = false
        for at in start..<min(bytes.count, start + sizeMaxBytes) {
            let byte = bytes[at]
            if isEscaped {
                isEscaped = false
            } else if isQuoted {
                isEscaped = byte == UInt8(ascii: "\\")
                isQuoted = byte != UInt8(ascii: "\"")
            } else if byte == UInt8(ascii: "\"") {
                isQuoted = true
            } else if byte == UInt8(ascii: "{") {
                depth += 1
            } else if byte == UInt8(ascii: "}") {
                depth -= 1
                if depth == 0 { return Array(bytes[start...at]) }
            }
        }
        return nil
    }
}
