internal import FoundationEssentials
internal import Glibc
package import Platform

/// One line of a program's log, made readable. Whatever it holds, nothing of it can command the
/// terminal that shows it.
package struct LogLine: Hashable, Sendable {
    package let timeMilliseconds: Int64
    package let level: Log.Level
    package let component: String
    package let message: String
    /// The rest, by name; in the order of the names.
    package let fields: [Field]

    package struct Field: Hashable, Sendable {
        package let name: String
        package let value: String
    }

    /// Bytes of a line; more than a log writes. Longer ones are cut and shown as they are.
    package static let sizeMax = 64 * 1024

    /// Nil for a line that is no line of a log.
    package init?(_ text: String) {
        guard text.hasPrefix("{"), text.utf8.count <= Self.sizeMax,
            // Whatever is wrong with it, it is shown as it is.
            let values = try? JSONDecoder().decode([String: Value].self, from: Data(text.utf8)),
            case .text(let message)? = values["message"]
        else { return nil }
        self.message = message
        timeMilliseconds = values["time_ms"]?.integer ?? 0
        level = values["level"].flatMap { Log.Level(name: $0.shown) } ?? .info
        component = values["component"]?.shown ?? ""
        let known = ["message", "time_ms", "level", "component"]
        fields = values.filter { !known.contains($0.key) }.sorted { $0.key < $1.key }
            .map { Field(name: $0.key, value: $0.value.shown) }
    }

    /// What a terminal shows: `2026-11-20 18:10:11.123 warning agent.link  message  key=value`.
    /// - Parameters:
    ///   - isColoured: the level in colour (ANSI).
    ///   - secondsEastOfUTC: of the place whose time is shown; nil for this machine's.
    package func text(isColoured: Bool, secondsEastOfUTC: Int? = nil) -> String {
        var text = Self.time(timeMilliseconds, secondsEastOfUTC) + " "
        let padding = String(repeating: " ", count: max(0, 7 - "\(level)".count))
        text += isColoured ? "\u{1B}[\(colour)m\(level)\u{1B}[0m" : "\(level)"
        text += "\(padding) \(Self.shown(component))  \(Self.shown(message))"
        for (place, field) in fields.enumerated() {
            text += place == 0 ? "  " : " "
            text += "\(Self.shown(field.name))=\(Self.quoted(field.value))"
        }
        return text
    }

    /// Any line, with what could command a terminal written out.
    package static func shown(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isDangerous) else { return text }
        var shown = ""
        for scalar in text.unicodeScalars {
            if isDangerous(scalar) {
                shown += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                shown.unicodeScalars.append(scalar)
            }
        }
        return shown
    }

    /// Control characters, and those that turn text around or hide in it.
    private static func isDangerous(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }

    private static func quoted(_ text: String) -> String {
        let shown = shown(text)
        let isPlain = !shown.isEmpty && !shown.contains { " \"=".contains($0) }
        return isPlain ? shown : "\"" + shown.map { $0 == "\"" ? "\\\"" : "\($0)" }.joined() + "\""
    }

    private var colour: String {
        switch level {
        case .debug: "2"
        case .info: "32"
        case .warning: "33"
        case .error: "31"
        }
    }

    private static func time(_ milliseconds: Int64, _ secondsEastOfUTC: Int?) -> String {
        var parts = tm()
        let (seconds, rest) = (milliseconds / 1000, milliseconds % 1000)
        if let secondsEastOfUTC {
            var moment = time_t(
                clamping: seconds.addingReportingOverflow(Int64(secondsEastOfUTC)).partialValue)
            gmtime_r(&moment, &parts)
        } else {
            var moment = time_t(clamping: seconds)
            localtime_r(&moment, &parts)
        }
        func digits(_ number: some BinaryInteger, _ count: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        let day = [
            digits(Int(parts.tm_year) + 1900, 4), digits(parts.tm_mon + 1, 2),
            digits(parts.tm_mday, 2),
        ]
        let hour = [digits(parts.tm_hour, 2), digits(parts.tm_min, 2), digits(parts.tm_sec, 2)]
        return
            "\(day.joined(separator: "-")) \(hour.joined(separator: ":")).\(digits(abs(rest), 3))"
    }

    /// What a field may hold.
    private enum Value: Decodable {
        case text(String)
        case number(Int64)
        case fraction(Double)
        case flag(Bool)
        case nothing

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if container.decodeNil() {
                self = .nothing
            } else if let flag = try? container.decode(Bool.self) {  // one kind after the other
                self = .flag(flag)
            } else if let number = try? container.decode(Int64.self) {  // as above
                self = .number(number)
            } else if let fraction = try? container.decode(Double.self) {  // as above
                self = .fraction(fraction)
            } else {
                self = .text(try container.decode(String.self))
            }
        }

        var integer: Int64? {
            if case .number(let number) = self { number } else { nil }
        }

        var shown: String {
            switch self {
            case .text(let text): text
            case .number(let number): String(number)
            case .fraction(let fraction): String(fraction)
            case .flag(let flag): flag ? "true" : "false"
            case .nothing: "null"
            }
        }
    }
}
