/// Checks the query of a request against what its endpoint declares: unknown, repeated, missing
/// or wrong parameters are refused (422).
enum QueryCheck {
    static func check(
        _ items: [(name: String, value: String)], against parameters: [Endpoint.Query]
    ) throws(HTTPError) {
        if items.isEmpty, !parameters.contains(where: \.isRequired) { return }
        var problems: [HTTPError.Field] = []
        var seen: [String: [String]] = [:]
        for item in items { seen[item.name, default: []].append(item.value) }
        for (name, values) in seen.sorted(by: { $0.key < $1.key }) {
            guard let parameter = parameters.first(where: { $0.name == name }) else {
                problems.append(.init(path: String(name.prefix(64)), message: "is not known"))
                continue
            }
            problems += check(values, parameter)
        }
        for parameter in parameters where parameter.isRequired && seen[parameter.name] == nil {
            problems.append(.init(path: parameter.name, message: "is missing"))
        }
        if !problems.isEmpty { throw .invalid(problems) }
    }

    private static func check(
        _ values: [String], _ parameter: Endpoint.Query
    ) -> [HTTPError.Field] {
        if case .array(let inner, _) = parameter.schema {
            let list = values.map { value($0, as: inner) }
            return parameter.schema.problems(with: .array(list), path: parameter.name)
        }
        guard values.count == 1, let only = values.first else {
            return [.init(path: parameter.name, message: "is given more than once")]
        }
        return parameter.schema.problems(
            with: value(only, as: parameter.schema), path: parameter.name)
    }

    /// Text as the schema's kind of value; text that cannot be stays text, and is then refused.
    private static func value(_ text: String, as schema: Schema) -> JSONValue {
        switch schema {
        case .integer: Int64(text).map(JSONValue.integer) ?? .string(text)
        case .number:
            Double(text).flatMap { $0.isFinite ? .number($0) : nil } ?? .string(text)
        case .boolean: text == "true" ? .bool(true) : text == "false" ? .bool(false) : .string(text)
        case .nullable(let inner), .named(_, let inner): value(text, as: inner)
        default: .string(text)
        }
    }
}
