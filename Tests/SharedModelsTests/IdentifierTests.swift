import Foundation
import SharedModels
import TestSupport
import Testing

@Suite("Identifier")
struct IdentifierTests {
    @Test("what is written reads back, for random values and the ends")
    func roundTrip() throws {
        var chance = SeededGenerator(seed: 1)
        var values = [DeviceID(high: 0, low: 0), DeviceID(high: .max, low: .max)]
        for _ in 0..<1000 { values.append(DeviceID(high: chance.next(), low: chance.next())) }
        for value in values {
            let text = value.description
            #expect(text.utf8.count == 36)
            #expect(DeviceID(text) == value)
            #expect(DeviceID(text.uppercased()) == value)
            #expect(UUID(uuidString: text)?.uuidString.lowercased() == text)
            let json = try JSONEncoder().encode([value])
            #expect(try JSONDecoder().decode([DeviceID].self, from: json) == [value])
        }
    }

    @Test("it sorts by the millisecond of its making, as text and as a value")
    func order() {
        var chance = SeededGenerator(seed: 2)
        let times: [Int64] = [0, 1, 1_700_000_000_000, 1_700_000_000_001, 0xFFFF_FFFF_FFFF]
        let values = times.map { DeviceID(unixMilliseconds: $0, using: &chance) }
        #expect(values == values.shuffled(using: &chance).sorted())
        #expect(values.map(\.description) == values.map(\.description).sorted())
    }

    @Test("it is a UUID of version 7, whatever the clock says")
    func version() {
        var chance = SeededGenerator(seed: 3)
        for time in [0, -1, .min, .max, 1_700_000_000_000] as [Int64] {
            let text = Array(DeviceID(unixMilliseconds: time, using: &chance).description)
            #expect(text[14] == "7")
            #expect("89ab".contains(text[19]))
        }
    }

    @Test(
        "hostile text is not an identifier",
        arguments: [
            "", "-", "0", String(repeating: "0", count: 32), String(repeating: "0", count: 36),
            String(repeating: "-", count: 36), "0190b5a0-0000-7000-8000-00000000000",
            "0190b5a0-0000-7000-8000-0000000000000", "0190b5a0-0000-7000-8000-00000000000g",
            "0190b5a0_0000-7000-8000-000000000000", "0190b5a000000-7000-8000-000000000000",
            "+190b5a0-0000-7000-8000-000000000000", " 0190b5a0-0000-7000-8000-000000000000",
            "0190b5a0-0000-7000-8000-000000000000\u{0}", "{0190b5a0-0000-7000-8000-00000000000}",
            "０190b5a0-0000-7000-8000-000000000000", String(repeating: "a", count: 100_000),
        ])
    func hostile(text: String) {
        #expect(DeviceID(text) == nil)
        #expect(DeviceID(Substring(text)) == nil)
    }

    @Test("JSON that is not such a text is refused")
    func json() {
        for text in ["1", "null", "[]", "{}", "\"x\"", "true"] {
            #expect(throws: DecodingError.self) {
                try JSONDecoder().decode(DeviceID.self, from: Data(text.utf8))
            }
        }
    }
}

@Suite("Board uid")
struct BoardUIDTests {
    @Test("what is written reads back, in 16 lowercase digits")
    func roundTrip() {
        var chance = SeededGenerator(seed: 4)
        for value in [0, 1, .max] + (0..<1000).map({ _ in chance.next() as UInt64 }) {
            let uid = BoardUID(value: value)
            #expect(uid.description.utf8.count == 16)
            #expect(BoardUID(uid.description) == uid)
        }
        #expect(BoardUID("ffffffffffffffff")?.isBlank == true)
        #expect(BoardUID("00000000000000FF")?.value == 255)
    }

    @Test(
        "hostile text is not a board uid",
        arguments: [
            "", "0", "+000000000000001", "-000000000000000", "000000000000000g",
            "0x00000000000000", "00000000000000001", "0000 00000000000", "\u{0}000000000000000",
            "００００００００", "é00000000000000",
        ])
    func hostile(text: String) { #expect(BoardUID(text) == nil) }
}

@Suite("Viewer roles")
struct ViewerRolesTests {
    @Test("every set of roles reads back as it was written")
    func roundTrip() throws {
        for value in 0..<64 as Range<UInt16> {
            let roles = ViewerRoles(rawValue: value)
            let json = try JSONEncoder().encode(roles)
            #expect(try JSONDecoder().decode(ViewerRoles.self, from: json) == roles)
        }
    }

    @Test("names are written in the order of their bits, and a repeat does no harm")
    func names() throws {
        let roles: ViewerRoles = [.host, .follower]
        let text = String(decoding: try JSONEncoder().encode(roles), as: UTF8.self)
        #expect(text == #"["follower","host"]"#)
        let twice = Data(#"["host","follower","host"]"#.utf8)
        #expect(try JSONDecoder().decode(ViewerRoles.self, from: twice) == roles)
        #expect(Set(ViewerRoles.names.map(\.name)).count == ViewerRoles.names.count)
    }

    @Test("an unknown role, or what is no list, is refused")
    func unknown() {
        for text in [#"["king"]"#, #"["HOST"]"#, #"[""]"#, "[1]", "3", "null", #""host""#] {
            #expect(throws: DecodingError.self) {
                try JSONDecoder().decode(ViewerRoles.self, from: Data(text.utf8))
            }
        }
    }
}
