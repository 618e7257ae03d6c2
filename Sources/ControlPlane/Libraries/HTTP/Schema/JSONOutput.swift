/// Writes `Encodable` values as JSON in one pass, in the order in which they encode themselves
/// (the entries of a dictionary have no order). Foundation's encoder would cost several
/// microseconds a value more.
///
/// Containers must be filled one after the other: a container that is written to again after a
/// later one was begun beside it throws `EncodingError`, as do numbers that are not finite.
enum JSONOutput {
    static func encode(_ value: some Encodable) throws -> [UInt8] {
        let sink = JSONSink()
        try sink.write(value, codingPath: [])
        sink.close(above: 0)
        return sink.bytes
    }
}

/// The bytes so far, and the objects and arrays that are open.
final class JSONSink {
    /// An open object or array.
    struct Level {
        let id: Int
        let end: UInt8
        var isEmpty = true
    }

    private(set) var bytes: [UInt8] = []
    private(set) var levels: [Level] = []
    private var idCount = 0

    init() { bytes.reserveCapacity(256) }

    /// Opens an object or an array as the next value. Returns its depth and identity.
    func open(isObject: Bool) -> (depth: Int, id: Int) {
        bytes.append(isObject ? UInt8(ascii: "{") : UInt8(ascii: "["))
        idCount += 1
        levels.append(Level(id: idCount, end: UInt8(ascii: isObject ? "}" : "]")))
        return (levels.count, idCount)
    }

    /// Ends all that is open above a depth.
    func close(above depth: Int) {
        while levels.count > depth { bytes.append(levels.removeLast().end) }
    }

    /// Makes ready for the next member of an open container.
    func next(in container: (depth: Int, id: Int), codingPath: [any CodingKey]) throws {
        guard container.depth <= levels.count, levels[container.depth - 1].id == container.id
        else {
            throw EncodingError.invalidValue(
                "container",
                .init(codingPath: codingPath, debugDescription: "the container has ended"))
        }
        close(above: container.depth)
        if !levels[container.depth - 1].isEmpty { bytes.append(UInt8(ascii: ",")) }
        levels[container.depth - 1].isEmpty = false
    }

    func key(_ text: String) {
        write(text)
        bytes.append(UInt8(ascii: ":"))
    }

    func writeNull() { bytes.append(contentsOf: "null".utf8) }

    func write(_ flag: Bool) { bytes.append(contentsOf: (flag ? "true" : "false").utf8) }

    func write(_ number: some BinaryInteger) {
        if let small = Int(exactly: number), (0...9).contains(small) {
            bytes.append(UInt8(ascii: "0") + UInt8(small))
        } else {
            bytes.append(contentsOf: String(number).utf8)
        }
    }

    func write(_ number: Double, codingPath: [any CodingKey]) throws {
        guard number.isFinite else {
            throw EncodingError.invalidValue(
                number, .init(codingPath: codingPath, debugDescription: "not a finite number"))
        }
        if let whole = Int64(exactly: number), abs(number) < 9e15 {
            write(whole)
        } else {
            bytes.append(contentsOf: String(number).utf8)
        }
    }

    /// A string with what RFC 8259 §7 asks to be escaped.
    func write(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { utf8 in
            var start = 0
            for (index, byte) in utf8.enumerated() {
                guard byte < 0x20 || byte == 0x22 || byte == 0x5C else { continue }
                bytes.append(contentsOf: utf8[start..<index])
                escape(byte)
                start = index + 1
            }
            bytes.append(contentsOf: utf8[start...])
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Any value; what encodes nothing becomes an empty object.
    func write<Value: Encodable>(_ value: Value, codingPath: [any CodingKey]) throws {
        // The most frequent kinds without the detour through their own `encode`.
        if Value.self == String.self, let text = value as? String { return write(text) }
        let before = bytes.count
        let depth = levels.count
        try value.encode(to: JSONValueEncoder(sink: self, codingPath: codingPath))
        close(above: depth)
        if bytes.count == before { bytes.append(contentsOf: "{}".utf8) }
    }

    private func escape(_ byte: UInt8) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case 0x22, 0x5C: bytes.append(byte)
        case 0x0A: bytes.append(UInt8(ascii: "n"))
        case 0x0D: bytes.append(UInt8(ascii: "r"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        default:
            let digits = Array("0123456789abcdef".utf8)
            bytes.append(contentsOf: "u00".utf8)
            bytes.append(digits[Int(byte >> 4)])
            bytes.append(digits[Int(byte & 15)])
        }
    }
}
