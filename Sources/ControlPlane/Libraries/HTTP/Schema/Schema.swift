/// What a JSON value must be: checked before decoding, and written into the OpenAPI document.
package indirect enum Schema: Sendable {
    /// Text; the range counts Unicode scalars.
    case string(ClosedRange<Int>)
    case integer(ClosedRange<Int64>)
    case number(ClosedRange<Double>)
    case boolean
    /// A UUID of 36 characters.
    case uuid
    /// One of these words.
    case choice([String])
    /// The range counts items.
    case array(of: Schema, ClosedRange<Int>)
    /// Exactly these fields; others are refused.
    case object([Field])
    /// Any names, at most so many, with values of one kind.
    case map(of: Schema, maxCount: Int)
    /// An object whose field `by` names which of the alternatives it is. The alternatives do not
    /// list that field.
    case variants(by: String, [Variant])
    case nullable(Schema)
    /// Any JSON object, at most so many values deep and wide in all; checked by whoever decodes.
    case freeObject(maxValues: Int)
    /// A component of the document, so that it is described once.
    case named(String, Schema)

    package struct Field: Sendable {
        package let name: String
        package let schema: Schema
        package let isRequired: Bool
        package let about: String

        package static func required(
            _ name: String, _ schema: Schema, _ about: String = ""
        ) -> Field {
            Field(name: name, schema: schema, isRequired: true, about: about)
        }

        package static func optional(
            _ name: String, _ schema: Schema, _ about: String = ""
        ) -> Field {
            Field(name: name, schema: schema, isRequired: false, about: about)
        }
    }

    package struct Variant: Sendable {
        package let word: String
        package let fields: [Field]

        package init(_ word: String, _ fields: [Field] = []) {
            self.word = word
            self.fields = fields
        }
    }

    /// A time on the wire: Unix milliseconds UTC, until the year 9999.
    package static let unixMilliseconds = Schema.integer(0...253_402_300_799_999)
    /// Any number of items, names or things.
    package static let count = Schema.integer(0...Int64.max)
    /// Text of any length we would ever send; for answers.
    package static let text = Schema.string(0...1_000_000)
}
