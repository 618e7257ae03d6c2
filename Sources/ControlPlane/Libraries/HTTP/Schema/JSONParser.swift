/// Parses JSON (RFC 8259) strictly: UTF-8, one value, no duplicate name, no lone surrogate, no
/// U+0000 (which the database cannot hold), no number that is not finite.
package struct JSONParser {
    package struct Failure: Error, Hashable {
        /// Where, in bytes from the start.
        package let offset: Int
        package let message: String
    }

    package static let depthMax = 32
    private let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0

    private init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    package static func parse(_ bytes: [UInt8]) throws(Failure) -> JSONValue {
        let result = bytes.withUnsafeBufferPointer { buffer -> Result<JSONValue, Failure> in
            var parser = JSONParser(buffer)
            do throws(Failure) { return .success(try parser.document()) } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private mutating func document() throws(Failure) -> JSONValue {
        skipSpace()
        let value = try value(depth: 0)
        skipSpace()
        guard position == bytes.count else { throw failure("more than one value") }
        return value
    }

    private func failure(_ message: String) -> Failure {
        Failure(offset: position, message: message)
    }

    private var byte: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            position += 1
        }
    }

    private mutating func value(depth: Int) throws(Failure) -> JSONValue {
        guard depth < Self.depthMax else { throw failure("nested too deeply") }
        switch byte {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func word(
        _ text: StaticString, _ value: JSONValue
    ) throws(Failure) -> JSONValue {
        let count = text.utf8CodeUnitCount
        guard position + count <= bytes.count,
            text.withUTF8Buffer({ $0.elementsEqual(bytes[position..<position + count]) })
        else { throw failure("not a value") }
        position += count
        return value
    }

    private mutating func array(depth: Int) throws(Failure) -> JSONValue {
        position += 1
        var items: [JSONValue] = []
        skipSpace()
        if byte == UInt8(ascii: "]") {
            position += 1
            return .array([])
        }
        while true {
            skipSpace()
            items.append(try value(depth: depth + 1))
            if try !continues(until: UInt8(ascii: "]")) { return .array(items) }
        }
    }

    private mutating func object(depth: Int) throws(Failure) -> JSONValue {
        position += 1
        var members: [JSONValue.Member] = []
        var names: Set<String> = []
        skipSpace()
        if byte == UInt8(ascii: "}") {
            position += 1
            return .object([])
        }
        while true {
            skipSpace()
            guard byte == UInt8(ascii: "\"") else { throw failure("expected a name") }
            let name = try string()
            guard names.insert(name).inserted else { throw failure("the same name twice") }
            skipSpace()
            guard byte == UInt8(ascii: ":") else { throw failure("expected a colon") }
            position += 1
            skipSpace()
            members.append(.init(name, try value(depth: depth + 1)))
            if try !continues(until: UInt8(ascii: "}")) { return .object(members) }
        }
    }

    private mutating func continues(until end: UInt8) throws(Failure) -> Bool {
        skipSpace()
        guard let byte, byte == end || byte == UInt8(ascii: ",") else {
            throw failure("expected a comma or the end")
        }
        position += 1
        return byte != end
    }

    private mutating func number() throws(Failure) -> JSONValue {
        let start = position
        if byte == UInt8(ascii: "-") { position += 1 }
        let whole = position
        skipDigits()
        guard position > whole, bytes[whole] != UInt8(ascii: "0") || position == whole + 1 else {
            throw failure("not a value")
        }
        var isWhole = true
        if byte == UInt8(ascii: ".") {
            isWhole = false
            position += 1
            try someDigits()
        }
        if byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
            isWhole = false
            position += 1
            if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") { position += 1 }
            try someDigits()
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isWhole, let integer = Int64(text) { return .integer(integer) }
        guard text.utf8.count <= 64, let number = Double(text), number.isFinite else {
            throw failure("a number out of range")
        }
        return .number(number)
    }

    private mutating func skipDigits() {
        while let byte, (0x30...0x39).contains(byte) { position += 1 }
    }

    private mutating func someDigits() throws(Failure) {
        let start = position
        skipDigits()
        guard position > start else { throw failure("expected a digit") }
    }

    private mutating func string() throws(Failure) -> String {
        position += 1
        let start = position
        while let byte, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 {
            position += 1
        }
        if byte == UInt8(ascii: "\"") {
            defer { position += 1 }
            return try text(bytes[start..<position])
        }
        var raw = Array(bytes[start..<position])
        while let byte {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return try text(raw)
            case UInt8(ascii: "\\"): try escape(into: &raw)
            case ..<0x20: throw failure("a control character in a string")
            default: raw.append(byte)
            }
        }
        throw failure("a string without an end")
    }

    private func text(_ raw: some Collection<UInt8>) throws(Failure) -> String {
        guard let text = String(validating: raw, as: UTF8.self) else { throw failure("not UTF-8") }
        return text
    }

    private mutating func escape(into raw: inout [UInt8]) throws(Failure) {
        guard let byte else { throw failure("a string without an end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): raw.append(byte)
        case UInt8(ascii: "b"): raw.append(0x08)
        case UInt8(ascii: "f"): raw.append(0x0C)
        case UInt8(ascii: "n"): raw.append(0x0A)
        case UInt8(ascii: "r"): raw.append(0x0D)
        case UInt8(ascii: "t"): raw.append(0x09)
        case UInt8(ascii: "u"): raw.append(contentsOf: Array(String(try scalar()).utf8))
        default: throw failure("an unknown escape")
        }
    }

    private mutating func scalar() throws(Failure) -> Character {
        var code = try codeUnit()
        if (0xD800..<0xDC00).contains(code) {
            guard byte == UInt8(ascii: "\\") else { throw failure("half a surrogate pair") }
            position += 1
            guard byte == UInt8(ascii: "u") else { throw failure("half a surrogate pair") }
            position += 1
            let low = try codeUnit()
            guard (0xDC00..<0xE000).contains(low) else { throw failure("half a surrogate pair") }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard code != 0 else { throw failure("U+0000 is not allowed") }
        guard let scalar = Unicode.Scalar(code) else { throw failure("half a surrogate pair") }
        return Character(scalar)
    }

    private mutating func codeUnit() throws(Failure) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte, let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80
            else { throw failure("expected four hex digits") }
            code = code << 4 | UInt32(digit)
            position += 1
        }
        return code
    }
}
