extension Schema {
    /// As JSON Schema 2020-12, which OpenAPI 3.1 uses. Named schemas go to `components` once; two
    /// different schemas of one name are a programmer's error and stop the process.
    func openAPI(_ components: inout [String: JSONTree]) -> JSONTree {
        switch self {
        case .string(let range):
            return .object([
                ("type", .text("string")), ("minLength", .integer(Int64(range.lowerBound))),
                ("maxLength", .integer(Int64(range.upperBound))),
            ])
        case .integer(let range):
            return .object([
                ("type", .text("integer")), ("minimum", .integer(range.lowerBound)),
                ("maximum", .integer(range.upperBound)),
            ])
        case .number(let range):
            return .object([
                ("type", .text("number")), ("minimum", .number(range.lowerBound)),
                ("maximum", .number(range.upperBound)),
            ])
        case .boolean: return .object([("type", .text("boolean"))])
        case .uuid: return .object([("type", .text("string")), ("format", .text("uuid"))])
        case .choice(let words):
            return .object([
                ("type", .text("string")), ("enum", .array(words.map { .text($0) })),
            ])
        case .nullable(let inner):
            return .object([
                ("anyOf", .array([inner.openAPI(&components), .object([("type", .text("null"))])]))
            ])
        default: return compound(&components)
        }
    }

    private func compound(_ components: inout [String: JSONTree]) -> JSONTree {
        switch self {
        case .array(let inner, let range):
            return .object([
                ("type", .text("array")), ("items", inner.openAPI(&components)),
                ("minItems", .integer(Int64(range.lowerBound))),
                ("maxItems", .integer(Int64(range.upperBound))),
            ])
        case .object(let fields): return Self.object(fields, tag: nil, &components)
        case .map(let inner, let maxCount):
            return .object([
                ("type", .text("object")),
                ("additionalProperties", inner.openAPI(&components)),
                ("maxProperties", .integer(Int64(maxCount))),
            ])
        case .variants(let by, let variants):
            return .object([
                (
                    "oneOf",
                    .array(
                        variants.map {
                            Self.object($0.fields, tag: (by, $0.word), &components)
                        })
                )
            ])
        case .freeObject:
            return .object([("type", .text("object"))])
        case .named(let name, let inner):
            let tree = inner.openAPI(&components)
            let previous = components.updateValue(tree, forKey: name)
            precondition(
                previous == nil || previous?.text == tree.text, "two schemas named \(name)")
            return .object([("$ref", .text("#/components/schemas/\(name)"))])
        default: return .object([])
        }
    }

    private static func object(
        _ fields: [Field], tag: (name: String, word: String)?,
        _ components: inout [String: JSONTree]
    ) -> JSONTree {
        var properties: [(String, JSONTree)] = []
        var required: [JSONTree] = []
        if let tag {
            properties.append((tag.name, .object([("const", .text(tag.word))])))
            required.append(.text(tag.name))
        }
        for field in fields {
            var tree = field.schema.openAPI(&components)
            if !field.about.isEmpty, case .object(let members) = tree {
                tree = .object(members + [("description", .text(field.about))])
            }
            properties.append((field.name, tree))
            if field.isRequired { required.append(.text(field.name)) }
        }
        var members: [(String, JSONTree)] = [
            ("type", .text("object")), ("properties", .object(properties)),
        ]
        if !required.isEmpty { members.append(("required", .array(required))) }
        members.append(("additionalProperties", .bool(false)))
        return .object(members)
    }
}
