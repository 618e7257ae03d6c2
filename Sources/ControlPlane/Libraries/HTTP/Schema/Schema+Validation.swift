internal import SharedModels

extension Schema {
    /// How many problems are reported at most; the first ones are enough to go on.
    private static let problemsMax = 20

    /// What is wrong with `value`, by path; empty if nothing is.
    package func problems(with value: JSONValue, path: String = "") -> [HTTPError.Field] {
        var problems: [HTTPError.Field] = []
        check(value, path, &problems)
        return problems
    }

    private func check(_ value: JSONValue, _ path: String, _ problems: inout [HTTPError.Field]) {
        guard problems.count < Self.problemsMax else { return }
        switch (self, value) {
        case (.nullable, .null): break
        case (.nullable(let inner), _), (.named(_, let inner), _):
            inner.check(value, path, &problems)
        case (.array(let inner, let range), .array(let items)):
            expect(
                range.contains(items.count), "must have \(Self.text(range)) items", path, &problems)
            // One wrong length is told; the items of a list that is far too long are not walked.
            guard items.count <= range.upperBound else { return }
            for (index, item) in items.enumerated() {
                inner.check(item, "\(path)[\(index)]", &problems)
            }
        case (.object(let fields), .object(let members)):
            Self.check(members, against: fields, besides: nil, path, &problems)
        case (.map(let inner, let maxCount), .object(let members)):
            expect(
                members.count <= maxCount, "must have at most \(maxCount) names", path, &problems)
            guard members.count <= maxCount else { return }
            for member in members {
                inner.check(member.value, Self.join(path, member.name), &problems)
            }
        case (.variants(let by, let variants), .object(let members)):
            checkVariants(by, variants, members, path, &problems)
        case (.freeObject(let maxValues), .object):
            expect(
                value.valueCount <= maxValues, "must have at most \(maxValues) values in all", path,
                &problems)
        default: checkSimple(value, path, &problems)
        }
    }

    private func checkSimple(
        _ value: JSONValue, _ path: String, _ problems: inout [HTTPError.Field]
    ) {
        switch (self, value) {
        case (.string(let range), .string(let text)):
            expect(
                range.contains(text.unicodeScalars.count),
                "must have \(Self.text(range)) characters", path, &problems)
        case (.integer(let range), .integer(let number)):
            expect(range.contains(number), "must be \(Self.text(range))", path, &problems)
        case (.number(let range), .integer(let number)):
            expect(range.contains(Double(number)), "must be \(Self.text(range))", path, &problems)
        case (.number(let range), .number(let number)):
            expect(range.contains(number), "must be \(Self.text(range))", path, &problems)
        case (.boolean, .bool): break
        case (.uuid, .string(let text)):
            expect(Identifier<Never>(text) != nil, "must be a UUID", path, &problems)
        case (.choice(let words), .string(let text)):
            expect(
                words.contains(text), "must be one of \(words.joined(separator: ", "))", path,
                &problems)
        default: problems.append(.init(path: path, message: "must be \(kind)"))
        }
    }

    private func checkVariants(
        _ by: String, _ variants: [Variant], _ members: [JSONValue.Member], _ path: String,
        _ problems: inout [HTTPError.Field]
    ) {
        let word = members.first { $0.name == by }?.value.text
        guard let variant = variants.first(where: { $0.word == word }) else {
            let words = variants.map(\.word).joined(separator: ", ")
            problems.append(
                .init(path: Self.join(path, by), message: "must be one of \(words)"))
            return
        }
        Self.check(members, against: variant.fields, besides: by, path, &problems)
    }

    private static func check(
        _ members: [JSONValue.Member], against fields: [Field], besides known: String?,
        _ path: String, _ problems: inout [HTTPError.Field]
    ) {
        for member in members where member.name != known {
            guard let field = fields.first(where: { $0.name == member.name }) else {
                let name = String(member.name.prefix(64))
                problems.append(.init(path: join(path, name), message: "is not known"))
                if problems.count >= problemsMax { return }
                continue
            }
            field.schema.check(member.value, join(path, member.name), &problems)
        }
        for field in fields where field.isRequired {
            if !members.contains(where: { $0.name == field.name }) {
                problems.append(.init(path: join(path, field.name), message: "is missing"))
            }
        }
    }

    private func expect(
        _ condition: Bool, _ message: @autoclosure () -> String, _ path: String,
        _ problems: inout [HTTPError.Field]
    ) {
        if !condition { problems.append(.init(path: path, message: message())) }
    }

    private static func join(_ path: String, _ name: String) -> String {
        path.isEmpty ? name : "\(path).\(name)"
    }

    private static func text<Bound>(_ range: ClosedRange<Bound>) -> String {
        "\(range.lowerBound) to \(range.upperBound)"
    }

    private var kind: String {
        switch self {
        case .string, .choice: "text"
        case .integer: "a whole number"
        case .number: "a number"
        case .boolean: "true or false"
        case .uuid: "a UUID"
        case .array: "a list"
        case .object, .map, .variants, .freeObject: "an object"
        case .nullable(let inner), .named(_, let inner): inner.kind
        }
    }
}

extension JSONValue {
    /// How many values it holds in all, itself included.
    var valueCount: Int {
        switch self {
        case .array(let items): items.reduce(1) { $0 + $1.valueCount }
        case .object(let members): members.reduce(1) { $0 + $1.value.valueCount }
        default: 1
        }
    }
}
