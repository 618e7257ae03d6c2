internal import Glibc
internal import Synchronization

/// Structured logs: one JSON object a line, with time, level, component, message and fields.
/// A `Log` is a value that carries the fields of its surroundings (`with`).
package struct Log: Sendable {
    package enum Level: Int, Sendable, Comparable, CaseIterable {
        case debug, info, warning, error

        package init?(name: String) {
            guard let level = Level.allCases.first(where: { "\($0)" == name }) else { return nil }
            self = level
        }

        package static func < (left: Level, right: Level) -> Bool {
            left.rawValue < right.rawValue
        }
    }

    /// What a field can hold.
    package enum Value: Sendable, Hashable {
        case string(String)
        case int(Int64)
        case double(Double)
        case bool(Bool)
    }

    /// Where lines go. Called from any thread, with whole lines, newline included.
    package typealias Sink = @Sendable (String) -> Void

    package let component: String
    private let minimum: Level
    private let fields: [(String, Value)]
    private let unixMilliseconds: @Sendable () -> Int64
    private let sink: Sink

    /// - Parameters:
    ///   - component: who speaks, such as `live` or `agent.link`.
    ///   - minimum: less important lines are dropped.
    package init(
        component: String, minimum: Level = .info,
        unixMilliseconds: @escaping @Sendable () -> Int64 = { SystemTime.unixMilliseconds },
        sink: @escaping Sink = Log.standardError
    ) {
        self.component = component
        self.minimum = minimum
        self.unixMilliseconds = unixMilliseconds
        self.sink = sink
        fields = []
    }

    private init(_ log: Log, component: String, fields: [(String, Value)]) {
        self.component = component
        self.fields = fields
        minimum = log.minimum
        unixMilliseconds = log.unixMilliseconds
        sink = log.sink
    }

    /// A log of a part of this one.
    package func of(_ part: String) -> Log {
        Log(self, component: component.isEmpty ? part : "\(component).\(part)", fields: fields)
    }

    /// A log whose lines also carry `name`.
    package func with(_ name: String, _ value: Value) -> Log {
        Log(self, component: component, fields: fields + [(name, value)])
    }

    package func debug(
        _ message: @autoclosure () -> String, _ more: KeyValuePairs<String, Value> = [:]
    ) {
        write(.debug, message, more)
    }

    package func info(
        _ message: @autoclosure () -> String, _ more: KeyValuePairs<String, Value> = [:]
    ) {
        write(.info, message, more)
    }

    package func warning(
        _ message: @autoclosure () -> String, _ more: KeyValuePairs<String, Value> = [:]
    ) {
        write(.warning, message, more)
    }

    package func error(
        _ message: @autoclosure () -> String, _ more: KeyValuePairs<String, Value> = [:]
    ) {
        write(.error, message, more)
    }

    /// Writes whole lines to descriptor 2.
    package static let standardError: Sink = { line in
        var line = line
        line.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let written = Glibc.write(2, rest.baseAddress, rest.count)
                if written < 0 && errno != EINTR && errno != EAGAIN { return }
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(max(0, written)))
            }
        }
    }

    private func write(
        _ level: Level, _ message: () -> String, _ more: KeyValuePairs<String, Value>
    ) {
        guard level >= minimum else { return }
        var line = "{\"time_ms\":\(unixMilliseconds()),\"level\":\"\(level)\",\"component\":"
        JSONText.append(component, to: &line)
        line += ",\"message\":"
        JSONText.append(message(), to: &line)
        for (name, value) in fields { Self.append(name, value, to: &line) }
        for (name, value) in more { Self.append(name, value, to: &line) }
        line += "}\n"
        sink(line)
    }

    private static func append(_ name: String, _ value: Value, to line: inout String) {
        line += ","
        JSONText.append(name, to: &line)
        line += ":"
        switch value {
        case .string(let text): JSONText.append(text, to: &line)
        case .int(let number): line += String(number)
        case .double(let number): line += number.isFinite ? String(number) : "null"
        case .bool(let flag): line += flag ? "true" : "false"
        }
    }
}

extension Log.Value: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByStringInterpolation
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int64) { self = .int(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
}

/// Writes text as a JSON string (RFC 8259 §7).
package enum JSONText {
    package static func append(_ text: String, to line: inout String) {
        line += "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": line += "\\\""
            case "\\": line += "\\\\"
            case "\n": line += "\\n"
            case "\r": line += "\\r"
            case "\t": line += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let digits = String(scalar.value, radix: 16)
                line += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: line.unicodeScalars.append(scalar)
            }
        }
        line += "\""
    }
}
