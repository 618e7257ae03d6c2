internal import FoundationEssentials

/// Reads recorded messages, one JSON object a line: `type` (the method), `payload_b64` (the body
/// of the message) and, if known, `recorded_at` (ISO 8601). Each line becomes one push frame.
struct RecordedLines: Sendable {
    private struct Line: Decodable {
        let type: String
        let payload: String
        let recordedAt: String?

        enum CodingKeys: String, CodingKey {
            case type, payload = "payload_b64", recordedAt = "recorded_at"
        }
    }

    /// The largest pause between two lines that is kept; recordings of several evenings
    /// otherwise stand still for days.
    static let longestPauseMicroseconds: Int64 = 1_000_000
    /// The pause between lines without a time, or whose time runs backwards.
    static let defaultPauseMicroseconds: Int64 = 250_000

    private var isFirst = true
    private var offset: Int64 = 0
    private var lastTime: Int64?

    mutating func frame(_ text: [UInt8], record: Int) throws(CaptureError) -> CapturedFrame {
        guard let line = Self.decode(text), let body = Data(base64Encoded: line.payload),
            !line.type.isEmpty, line.type.utf8.count <= LiveLimits.methodBytes
        else { throw .malformed(record: record) }
        advance(to: line.recordedAt.flatMap(Self.microseconds))
        var envelope = ProtobufWriter()
        envelope.text(1, line.type)
        envelope.content(2, Array(body))
        var result = ProtobufWriter()
        result.content(1, envelope.bytes)
        return CapturedFrame(
            offsetMicroseconds: offset,
            bytes: OutgoingFrame.frame(
                type: "msg", payload: result.bytes, logID: Int64(record)))
    }

    private static func decode(_ text: [UInt8]) -> Line? {
        // What is wrong with a line does not matter: it is refused by its number.
        try? JSONDecoder().decode(Line.self, from: Data(text))
    }

    /// Moves the offset by the pause since the line before; the first line stands at 0.
    private mutating func advance(to time: Int64?) {
        if isFirst {
            isFirst = false
        } else if let time, let lastTime, time >= lastTime {
            offset &+= min(time &- lastTime, Self.longestPauseMicroseconds)
        } else {
            offset &+= Self.defaultPauseMicroseconds
        }
        lastTime = time ?? lastTime
    }

    /// Microseconds since 1970 of `2023-12-05T17:23:06.838160300`, with any number of fraction
    /// digits, taken as UTC; nil if it is not of that form.
    static func microseconds(_ text: String) -> Int64? {
        let parts = text.split(whereSeparator: { "-T:.Z".contains($0) })
        let numbers = parts.prefix(6).compactMap { Int64($0) }
        guard numbers.count == 6, numbers[0] >= 1970, numbers[0] < 10_000,
            (1...12).contains(numbers[1]), (1...31).contains(numbers[2]),
            numbers[3...].allSatisfy({ (0...60).contains($0) })
        else { return nil }
        let days = Self.days(year: numbers[0], month: numbers[1], day: numbers[2])
        let seconds = ((days * 24 + numbers[3]) * 60 + numbers[4]) * 60 + numbers[5]
        var fraction: Int64 = 0
        let digits = parts.count > 6 ? Array(parts[6].utf8.prefix(6)) : []
        for index in 0..<6 {
            let digit = index < digits.count ? Int64(digits[index]) - 48 : 0
            guard (0...9).contains(digit) else { return nil }
            fraction = fraction * 10 + digit
        }
        return seconds * 1_000_000 + fraction
    }

    /// Days since 1970-01-01 in the Gregorian calendar, by counting from 1 March of year 0.
    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let monthFromMarch = (month + 9) % 12
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
        return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
    }
}
