internal import CBeast

/// The header fields of a received message, in order. Names and values lie in one block of bytes;
/// text is made when it is asked for.
package struct HeaderFields: Sendable {
    /// Where one field lies in `text`.
    private struct Entry {
        let name: Range<Int>
        let value: Range<Int>
    }

    private let text: [UInt8]
    private let entries: [Entry]

    /// Fields from names and values, for messages made here.
    package init(_ fields: [(name: String, value: String)] = []) {
        var text: [UInt8] = []
        var entries: [Entry] = []
        for field in fields {
            let start = text.count
            text.append(contentsOf: field.name.utf8)
            let middle = text.count
            text.append(contentsOf: field.value.utf8)
            entries.append(Entry(name: start..<middle, value: middle..<text.count))
        }
        self.text = text
        self.entries = entries
    }

    init(_ head: cue_http_head_t, text: [UInt8]) {
        self.text = text
        entries = UnsafeBufferPointer(start: head.fields, count: head.field_count).map {
            Entry(
                name: Int($0.name_at)..<Int($0.name_at) + Int($0.name_size),
                value: Int($0.value_at)..<Int($0.value_at) + Int($0.value_size))
        }
    }

    package var count: Int { entries.count }

    /// The value of the first field of this name (any case); bytes that are not UTF-8 are
    /// replaced.
    package subscript(_ name: StaticString) -> String? {
        for entry in entries where matches(entry.name, name) { return string(entry.value) }
        return nil
    }

    /// The same for a name that is known only at run time.
    package func first(_ name: String) -> String? {
        all.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    /// How many fields have this name.
    package func count(of name: StaticString) -> Int {
        entries.reduce(0) { $0 + (matches($1.name, name) ? 1 : 0) }
    }

    /// All fields as text, in order.
    package var all: [(name: String, value: String)] {
        entries.map { (string($0.name), string($0.value)) }
    }

    private func string(_ range: Range<Int>) -> String {
        text.withUnsafeBufferPointer { String(decoding: $0[range], as: UTF8.self) }
    }

    /// ASCII comparison without regard to case.
    private func matches(_ range: Range<Int>, _ name: StaticString) -> Bool {
        guard range.count == name.utf8CodeUnitCount else { return false }
        return text.withUnsafeBufferPointer { bytes in
            name.withUTF8Buffer { wanted in
                for index in 0..<wanted.count
                where Self.lowered(bytes[range.lowerBound + index]) != Self.lowered(wanted[index]) {
                    return false
                }
                return true
            }
        }
    }

    private static func lowered(_ byte: UInt8) -> UInt8 {
        (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
    }
}
