internal import Platform

/// Intel HEX, as compilers and bootloaders exchange flash images. Any bytes may be read: what is
/// wrong with them is told.
package enum IntelHex {
    package struct Problem: Error, Hashable, Sendable, CustomStringConvertible {
        /// From 1; 0 for the whole file.
        package let line: Int
        package let reason: String

        package var description: String {
            line == 0 ? reason : "line \(line): \(reason)"
        }
    }

    package enum Limits {
        /// Of a file, bytes: a flash of 4 MB takes about 11.
        package static let fileMaxBytes = 16 * 1024 * 1024
        static let recordDataBytes = 16
    }

    private struct Reader {
        var base = 0
        var segments: [FirmwareImage.Segment] = []
        var address = 0
        var bytes: [UInt8] = []
        var isEnded = false

        mutating func add(_ data: ArraySlice<UInt8>, at offset: Int) {
            let place = base + offset
            if place != address + bytes.count {
                flush()
                address = place
            }
            bytes += data
        }

        mutating func flush() {
            if !bytes.isEmpty {
                segments.append(FirmwareImage.Segment(address: address, bytes: bytes))
            }
            bytes = []
        }
    }

    package static func read(_ file: [UInt8]) throws(Problem) -> FirmwareImage {
        guard file.count <= Limits.fileMaxBytes else {
            throw Problem(line: 0, reason: "more than \(Limits.fileMaxBytes) bytes")
        }
        var reader = Reader()
        var number = 0
        for line in file.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            if line.isEmpty { continue }
            guard !reader.isEnded else {
                throw Problem(line: number, reason: "more after the end record")
            }
            do throws(Reason) {
                try take(record(line), &reader)
            } catch {
                throw Problem(line: number, reason: error.text)
            }
        }
        guard reader.isEnded else { throw Problem(line: 0, reason: "the end record is missing") }
        reader.flush()
        guard let image = FirmwareImage(reader.segments) else {
            throw Problem(line: 0, reason: "it writes one address twice, or beyond 16 MB")
        }
        return image
    }

    private struct Reason: Error { let text: String }

    /// The bytes of a record: size, address, type, data; the check is verified and left out.
    private static func record(_ line: ArraySlice<UInt8>) throws(Reason) -> [UInt8] {
        guard line.first == UInt8(ascii: ":") else { throw Reason(text: "no Intel HEX record") }
        let digits = line.dropFirst()
        guard digits.count % 2 == 0, digits.count >= 10, digits.count <= 2 * 260 else {
            throw Reason(text: "a record of the wrong length")
        }
        guard let bytes = Hexadecimal.decode(utf8: digits) else {
            throw Reason(text: "no hexadecimal digit")
        }
        guard bytes.count == Int(bytes[0]) + 5 else {
            throw Reason(text: "a record of the wrong length")
        }
        guard bytes.reduce(0, &+) == 0 else { throw Reason(text: "the check does not match") }
        return bytes.dropLast()
    }

    private static func take(_ record: [UInt8], _ reader: inout Reader) throws(Reason) {
        let data = record[4...]
        let offset = Int(record[1]) << 8 | Int(record[2])
        switch record[3] {
        case 0: reader.add(data, at: offset)
        case 1: reader.isEnded = true
        case 2, 4:
            guard data.count == 2 else { throw Reason(text: "a record of the wrong length") }
            let value = Int(data[4]) << 8 | Int(data[5])
            reader.base = record[3] == 2 ? value << 4 : value << 16
        // Where a program begins: a chip knows that by itself.
        case 3, 5: break
        default: throw Reason(text: "a record of unknown type \(record[3])")
        }
    }

    /// The image as a file.
    package static func write(_ image: FirmwareImage) -> [UInt8] {
        var file: [UInt8] = []
        var base = 0
        for segment in image.segments {
            var at = 0
            while at < segment.bytes.count {
                let address = segment.address + at
                if address >> 16 != base {
                    base = address >> 16
                    append(
                        &file, type: 4, address: 0, [UInt8(base >> 8 & 0xFF), UInt8(base & 0xFF)])
                }
                // A record stays within its 64 KiB.
                let room = min(Limits.recordDataBytes, 0x10000 - (address & 0xFFFF))
                let data = segment.bytes[at..<min(at + room, segment.bytes.count)]
                append(&file, type: 0, address: address & 0xFFFF, Array(data))
                at += data.count
            }
        }
        append(&file, type: 1, address: 0, [])
        return file
    }

    private static func append(
        _ file: inout [UInt8], type: UInt8, address: Int, _ data: [UInt8]
    ) {
        let head = [UInt8(data.count), UInt8(address >> 8 & 0xFF), UInt8(address & 0xFF), type]
        let record = head + data
        let check = 0 &- record.reduce(0, &+)
        let digits = Array("0123456789ABCDEF".utf8)
        file.append(UInt8(ascii: ":"))
        for byte in record + [check] {
            file.append(digits[Int(byte >> 4)])
            file.append(digits[Int(byte & 0xF)])
        }
        file.append(UInt8(ascii: "\n"))
    }
}
