/// Bytes that no log shows: a key, a password. It cannot be compared with `==`, which takes longer
/// the more is right.
package struct Secret: Sendable, CustomStringConvertible, CustomReflectable {
    /// Bytes; more are refused when it is read from a file.
    package static let sizeMax = 65536

    package let bytes: [UInt8]

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Without the line end that editors leave: a file holds a secret as text, binary ones in
    /// hexadecimal or base64.
    package init(trimming bytes: [UInt8]) {
        var kept = bytes[...]
        if kept.last == UInt8(ascii: "\n") { kept.removeLast() }
        if kept.last == UInt8(ascii: "\r") { kept.removeLast() }
        self.bytes = Array(kept)
    }

    /// The bytes as UTF-8, for where it is needed.
    package var text: String { String(decoding: bytes, as: UTF8.self) }

    package var description: String { "(secret)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
