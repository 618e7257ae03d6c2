import FoundationEssentials
import HTTP
import Platform
import Testing

private struct Inner: Codable, Equatable {
    var flag: Bool
    var list: [Int?]
    var nested: [[String]]
}

private enum Kind: String, Codable, CaseIterable { case one, two }

private struct Outer: Codable, Equatable {
    var text: String
    var integer: Int64
    var byte: UInt8
    var large: UInt64
    var fraction: Double
    var small: Float
    var missing: String?
    var kind: Kind
    var inner: Inner?
    var map: [String: Int]
    var id: UUID
}

/// Writes itself through nested containers by hand.
private struct ByHand: Encodable {
    enum Key: String, CodingKey { case a, b, c, d }

    func encode(to encoder: any Encoder) throws {
        var top = encoder.container(keyedBy: Key.self)
        var list = top.nestedUnkeyedContainer(forKey: .a)
        try list.encode(1)
        var deep = list.nestedContainer(keyedBy: Key.self)
        try deep.encodeNil(forKey: .b)
        var deepest = deep.nestedContainer(keyedBy: Key.self, forKey: .c)
        try deepest.encode("x", forKey: .d)
        try list.encode(2)
        var again = encoder.container(keyedBy: Key.self)
        try again.encode([Empty()], forKey: .d)
    }
}

private struct Empty: Encodable {
    func encode(to encoder: any Encoder) throws {}
}

/// Goes back to a container after it has begun the next one.
private struct Jumping: Encodable {
    func encode(to encoder: any Encoder) throws {
        var top = encoder.container(keyedBy: ByHand.Key.self)
        var first = top.nestedUnkeyedContainer(forKey: .a)
        var second = top.nestedUnkeyedContainer(forKey: .b)
        try second.encode(1)
        try first.encode(2)
    }
}

@Suite("JSON output")
struct JSONOutputTests {
    private func json(_ value: some Encodable) throws -> String {
        let response = try Response.item(value)
        let text = String(decoding: response.bodyBytes(requestID: "r"), as: UTF8.self)
        return String(text.dropFirst(8).dropLast(18))
    }

    @Test("what Foundation reads back is what was written, for thousands of random values")
    func roundTrip() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SplitMix(seed: seed)
        let alphabet = Array("aé😀\"\\\n\r\t\u{1}\u{7F}/ \u{2028}")
        for _ in 0..<2000 {
            let text = String(
                (0..<Int.random(in: 0...9, using: &generator)).map { _ in
                    alphabet.randomElement(using: &generator)!
                })
            let value = Outer(
                text: text, integer: Int64.random(in: .min ... .max, using: &generator),
                byte: .random(in: 0...255, using: &generator),
                large: .random(in: 0 ... .max, using: &generator),
                fraction: Double(Int.random(in: -999...999, using: &generator))
                    * pow(10, .random(in: -30...30, using: &generator)),
                small: .random(in: -1...1, using: &generator), missing: nil,
                kind: Kind.allCases.randomElement(using: &generator)!,
                inner: Bool.random(using: &generator)
                    ? Inner(flag: true, list: [1, nil, 3], nested: [[], [text]]) : nil,
                map: [text: 1], id: UUID())
            let written = try json(value)
            let read = try JSONDecoder().decode(Outer.self, from: Data(written.utf8))
            #expect(read == value, "seed \(seed): \(written)")
            #expect(try JSONParser.parse(Array(written.utf8))["missing"] == nil)
        }
    }

    private func pow(_ base: Double, _ exponent: Int) -> Double {
        (0..<abs(exponent)).reduce(1) { result, _ in exponent < 0 ? result / base : result * base }
    }

    @Test("containers nest by hand, and members keep the order in which they were written")
    func byHand() throws {
        #expect(try json(ByHand()) == #"{"a":[1,{"b":null,"c":{"d":"x"}},2],"d":[{}]}"#)
        #expect(try json([1.0, -0.5, 1e300]) == "[1,-0.5,1e+300]")
        #expect(try json(Empty()) == "{}")
        #expect(try json([[String]]()) == "[]")
        #expect(try json("a\u{0}b") == #""a\u0000b""#)
    }

    @Test("what JSON cannot hold, or would come out garbled, is refused")
    func refused() {
        #expect(throws: EncodingError.self) { try json([Double.nan]) }
        #expect(throws: EncodingError.self) { try json([Float.infinity]) }
        #expect(throws: EncodingError.self) { try json(Jumping()) }
    }
}
