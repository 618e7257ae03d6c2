/// Cuts bytes that come in pieces into lines, none longer than a limit: a longer one is cut into
/// several.
package struct LineSplitter: Sendable {
    /// Bytes in one line, without its end.
    package let lineSizeMax: Int
    private var rest: [UInt8] = []

    package init(lineSizeMax: Int = 8192) {
        precondition(lineSizeMax >= 1, "a line holds something")
        self.lineSizeMax = lineSizeMax
    }

    /// Gives each line that these bytes complete, without `\n` or `\r\n`.
    package mutating func add(_ bytes: some Sequence<UInt8>, line: (String) -> Void) {
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                if rest.last == UInt8(ascii: "\r") { rest.removeLast() }
                give(line)
            } else {
                if rest.count == lineSizeMax { give(line) }
                rest.append(byte)
            }
        }
    }

    /// Gives what was begun and not ended.
    package mutating func finish(line: (String) -> Void) {
        if !rest.isEmpty { give(line) }
    }

    private mutating func give(_ line: (String) -> Void) {
        line(String(decoding: rest, as: UTF8.self))
        rest.removeAll(keepingCapacity: true)
    }
}
