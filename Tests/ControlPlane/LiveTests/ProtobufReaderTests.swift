import Testing

@testable import Live

@Suite("ProtobufReader")
struct ProtobufReaderTests {
    private func fields(_ bytes: [UInt8]) throws(ProtobufError) -> [(UInt32, UInt64, [UInt8])] {
        let result = bytes.withUnsafeBytes { borrowed -> Result<_, ProtobufError> in
            var found: [(UInt32, UInt64, [UInt8])] = []
            var reader = ProtobufReader(borrowed)
            do throws(ProtobufError) {
                while let field = try reader.next() {
                    found.append((field.number, field.integer, Array(field.bytes)))
                }
                return .success(found)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    @Test("reads every wire type and steps over groups")
    func wireTypes() throws {
        let found = try fields([
            0x08, 0x96, 0x01,  // 1: varint 150
            0x12, 0x02, 0x68, 0x69,  // 2: "hi"
            0x1B, 0x08, 0x01, 0x1C,  // group 3 with a field inside
            0x25, 1, 0, 0, 0x80,  // 4: fixed32
            0x29, 1, 0, 0, 0, 0, 0, 0, 0x80,  // 5: fixed64
        ])
        #expect(found.map(\.0) == [1, 2, 4, 5])
        #expect(found.map(\.1) == [150, 0, 0x8000_0001, 0x8000_0000_0000_0001])
        #expect(found[1].2 == [0x68, 0x69])
    }

    @Test(
        "names what is wrong with hostile bytes",
        arguments: [
            ([0x08], ProtobufError.truncated),
            ([0x08, 0x80], .truncated),
            ([0x08] + Array(repeating: 0xFF, count: 10) + [1], .varintTooLong),
            ([0x12, 0x05, 1], .truncated),
            ([0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F], .truncated),
            ([0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], .truncated),
            ([0x25, 1, 2, 3], .truncated), ([0x29, 1], .truncated),
            ([0x00], .fieldNumber), ([0x80, 0x80, 0x80, 0x80, 0x10], .fieldNumber),
            ([0x0C], .wireType), ([0x0E], .wireType), ([0x0F], .wireType),
            ([0x0B], .truncated), ([0x0B, 0x0E], .wireType),
            (Array(repeating: 0x0B, count: 40), .tooDeep),
        ] as [([UInt8], ProtobufError)])
    func hostile(bytes: [UInt8], error: ProtobufError) {
        #expect(throws: error) { try fields(bytes) }
    }

    @Test("reads back what the writer wrote, negative numbers included")
    func roundTrip() throws {
        var writer = ProtobufWriter()
        writer.integer(1, -1)
        writer.integer(536_870_911, .max)
        writer.integer(3, .min)
        writer.text(4, "é")
        let found = try fields(writer.bytes)
        #expect(found.map(\.0) == [1, 536_870_911, 3, 4])
        #expect(found.map { Int64(bitPattern: $0.1) } == [-1, .max, .min, 0])
        #expect(found[3].2 == Array("é".utf8))
    }

    @Test("reads packed integers up to the limit and stops at a cut one")
    func packed() {
        let bytes: [UInt8] = [1, 0x96, 0x01, 7, 0x80]
        bytes.withUnsafeBytes {
            #expect($0.packedIntegers(limit: 10) == [1, 150, 7])
            #expect($0.packedIntegers(limit: 2) == [1, 150])
        }
    }
}
