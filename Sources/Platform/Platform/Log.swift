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

    /// Bytes of a message or field; longer ones are cut.
    package static let textSizeMax = 4096

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

    /// Writes whole lines to descriptor 2, and drops them when its reader hangs (`LogWriter`).
    package static let standardError: Sink = {
        let writer = LogWriter(descriptor: 2)
        return { writer.write($0) }
    }()

    /// A log of one request: `request_id` is what its answer shows to the client.
    package func with(requestID: String) -> Log { with("request_id", .string(requestID)) }

    /// A log of one cue: `trace_id` is `Trace.id`, the same on the control plane and the agent.
    package func with(traceID: String) -> Log { with("trace_id", .string(traceID)) }

    private func write(
        _ level: Level, _ message: () -> String, _ more: KeyValuePairs<String, Value>
    ) {
        guard level >= minimum else { return }
        var line = "{\"time_ms\":\(unixMilliseconds()),\"level\":\"\(level)\",\"component\":"
        JSONText.append(component, to: &line)
        line += ",\"message\":"
        JSONText.append(Self.cut(message()), to: &line)
        for (name, value) in fields { Self.append(name, value, to: &line) }
        for (name, value) in more { Self.append(name, value, to: &line) }
        line += "}\n"
        sink(line)
    }

    /// What strangers send into a log must not fill the disk.
    private static func cut(_ text: String) -> String {
        guard text.utf8.count > textSizeMax else { return text }
        // Whole characters are kept: decoding mends the one that the cut went through.
        return String(decoding: text.utf8.prefix(textSizeMax), as: UTF8.self) + "…"
    }

    private static func append(_ name: String, _ value: Value, to line: inout String) {
        line += ","
        JSONText.append(name, to: &line)
        line += ":"
        switch value {
        case .string(let text): JSONText.append(cut(text), to: &line)
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
