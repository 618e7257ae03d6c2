internal import Glibc
internal import Platform

/// What a USB device says of itself, as the kernel shows it. Written by strangers: shown, and
/// compared with patterns, never believed.
package struct USBIdentity: Hashable, Sendable {
    /// Four hexadecimal digits each.
    package let vendor: String
    package let product: String
    /// The maker's name of it, without what turns or ends a line, at most 64 bytes; may be empty.
    package let name: String

    /// Such as `2341:0043`.
    package var numbers: String { "\(vendor):\(product)" }

    /// For people, such as `2341:0043 Arduino Uno`.
    package var words: String { name.isEmpty ? numbers : "\(numbers) \(name)" }

    /// Of an attribute file, bytes.
    private static let attributeMaxBytes = 256

    /// - Parameter portFolder: the port's folder in the kernel's list of terminals. Its `device`
    ///   is an interface of the USB device (ACM), or a port of such an interface (serial).
    init?(portFolder: String) {
        for parent in ["device/..", "device/../.."] {
            let folder = "\(portFolder)/\(parent)"
            guard let vendor = Self.attribute("\(folder)/idVendor"), Self.isNumber(vendor),
                let product = Self.attribute("\(folder)/idProduct"), Self.isNumber(product)
            else { continue }
            self.vendor = vendor
            self.product = product
            name = Self.attribute("\(folder)/product") ?? ""
            return
        }
        return nil
    }

    private static func isNumber(_ text: String) -> Bool {
        text.utf8.count == 4 && text.allSatisfy(\.isHexDigit)
    }

    private static func attribute(_ path: String) -> String? {
        // Most devices lack some; a port without a USB identity is a port all the same.
        guard let bytes = try? SmallFile.read(path, sizeMax: attributeMaxBytes) else { return nil }
        let text = String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        let plain = text.unicodeScalars.filter {
            ![.control, .format, .lineSeparator, .paragraphSeparator, .privateUse]
                .contains($0.properties.generalCategory)
        }
        return String(String(String.UnicodeScalarView(plain)).prefix(64))
    }
}
