/// One SQL statement with its bound parameters.
///
/// Write it as a literal: `"SELECT name FROM accounts WHERE id = \(id)"`. Every `\(…)` becomes a
/// parameter (`$1`, `$2`, …) or the parts of another `SQL`; only text that stands in the source
/// code can become SQL text, so nothing that a person typed ever does.
package struct SQL: Sendable {
    private enum Piece: Sendable {
        case text(StaticString)
        case parameter
    }

    private var pieces: [Piece] = []
    private(set) var parameters = Parameters()

    /// Values in binary format, one behind the other.
    struct Parameters: Sendable {
        var types: [UInt32] = []
        /// Sizes in bytes; −1 is NULL.
        var sizes: [Int32] = []
        var buffer = PostgresBuffer()
    }

    /// The text with `$1`, `$2`, … in it.
    var text: String {
        var text = ""
        var number = 0
        for piece in pieces {
            switch piece {
            case .text(let literal): text += literal.description
            case .parameter:
                number += 1
                text += "$\(number)"
            }
        }
        return text
    }

    package static func + (left: SQL, right: SQL) -> SQL {
        var sum = left
        sum.append(right)
        return sum
    }

    mutating func append(text: StaticString) { pieces.append(.text(text)) }

    mutating func append(_ other: SQL) {
        pieces += other.pieces
        parameters.types += other.parameters.types
        parameters.sizes += other.parameters.sizes
        parameters.buffer.append(contentsOf: other.parameters.buffer.bytes)
    }

    mutating func bind<Value: PostgresEncodable>(_ value: Value) {
        parameters.types.append(Value.postgresType.oid)
        if value.isPostgresNull {
            parameters.sizes.append(-1)
        } else {
            let start = parameters.buffer.bytes.count
            value.encode(to: &parameters.buffer)
            parameters.sizes.append(
                Int32(truncatingIfNeeded: parameters.buffer.bytes.count - start))
        }
        pieces.append(.parameter)
    }

    /// Binds what is encoded already.
    mutating func bind(_ type: PostgresType, encoded: [UInt8]) {
        parameters.types.append(type.oid)
        parameters.sizes.append(Int32(truncatingIfNeeded: encoded.count))
        parameters.buffer.append(contentsOf: encoded)
        pieces.append(.parameter)
    }
}

extension SQL: ExpressibleByStringInterpolation {
    package init(stringLiteral value: StaticString) { append(text: value) }

    package init(stringInterpolation: StringInterpolation) { self = stringInterpolation.sql }

    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var sql: SQL

        package init(literalCapacity: Int, interpolationCount: Int) {
            sql = SQL(reserving: 2 * interpolationCount + 1)
        }

        package mutating func appendLiteral(_ literal: StaticString) { sql.append(text: literal) }

        /// A bound parameter.
        package mutating func appendInterpolation(_ value: some PostgresEncodable) {
            sql.bind(value)
        }

        /// The text and parameters of another statement or a part of one.
        package mutating func appendInterpolation(_ part: SQL) { sql.append(part) }

        /// A constant of the source code that is itself SQL, such as a list of columns.
        package mutating func appendInterpolation(constant text: StaticString) {
            sql.append(text: text)
        }
    }

    fileprivate init(reserving count: Int) { reserve(pieces: count) }

    private mutating func reserve(pieces count: Int) {
        pieces.reserveCapacity(count)
        parameters.types.reserveCapacity(count / 2)
        parameters.sizes.reserveCapacity(count / 2)
    }
}
