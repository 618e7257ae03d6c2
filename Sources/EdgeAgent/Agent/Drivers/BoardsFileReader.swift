internal import FoundationEssentials

/// JSON as it came.
indirect enum JSONNode: Decodable {
    case object([String: JSONNode])
    case array([JSONNode])
    case string(String)
    case number(Int)
    case fraction(Double)
    case bool(Bool)
    case null

    private struct Key: CodingKey {
        let stringValue: String
        let intValue: Int? = nil
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
        // One shape after the other: a container that is not there is no fault of the file.
        if let values = try? decoder.container(keyedBy: Key.self) {
            var fields: [String: JSONNode] = [:]
            for key in values.allKeys {
                fields[key.stringValue] = try values.decode(JSONNode.self, forKey: key)
            }
            self = .object(fields)
            return
        }
        // As above.
        if var values = try? decoder.unkeyedContainer() {
            var nodes: [JSONNode] = []
            while !values.isAtEnd { nodes.append(try values.decode(JSONNode.self)) }
            self = .array(nodes)
            return
        }
        self = try Self.single(decoder.singleValueContainer())
    }

    private static func single(_ value: any SingleValueDecodingContainer) throws -> JSONNode {
        if value.decodeNil() { return .null }
        // One type after the other, as above.
        if let bool = try? value.decode(Bool.self) { return .bool(bool) }
        // Whole numbers first.
        if let number = try? value.decode(Int.self) { return .number(number) }
        // What is left is text, or an error.
        if let number = try? value.decode(Double.self) { return .fraction(number) }
        return .string(try value.decode(String.self))
    }
}

/// The fields of one object of the file, with the place for messages.
struct BoardsFileObject {
    let place: String
    private let fields: [String: JSONNode]

    /// - Parameter allowed: the fields there may be.
    init(
        _ node: JSONNode, at place: String, allowed: [String]
    ) throws(BoardsFile.Problem) {
        self.place = place
        guard case .object(let fields) = node else {
            throw BoardsFile.Problem(place: place, reason: "an object is expected: { … }")
        }
        self.fields = fields
        for name in fields.keys.sorted() where !allowed.contains(name) {
            throw BoardsFile.Problem(
                place: place.isEmpty ? name : "\(place).\(name)",
                reason: "nothing is called so here; there are \(allowed.joined(separator: ", "))")
        }
    }

    func problem(_ name: String, _ reason: String) -> BoardsFile.Problem {
        BoardsFile.Problem(place: place.isEmpty ? name : "\(place).\(name)", reason: reason)
    }

    func node(_ name: String) -> JSONNode? { fields[name] }

    func text(_ name: String, _ size: ClosedRange<Int>) throws(BoardsFile.Problem) -> String? {
        guard let node = fields[name] else { return nil }
        guard case .string(let text) = node else { throw problem(name, "a text is expected") }
        guard size.contains(text.utf8.count), text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
        else {
            throw problem(
                name, "\(size.lowerBound) to \(size.upperBound) characters are expected")
        }
        return text
    }

    func needText(_ name: String, _ size: ClosedRange<Int>) throws(BoardsFile.Problem) -> String {
        guard let text = try text(name, size) else { throw problem(name, "it is missing") }
        return text
    }

    func number(_ name: String, _ range: ClosedRange<Int>) throws(BoardsFile.Problem) -> Int? {
        guard let node = fields[name] else { return nil }
        guard case .number(let number) = node, range.contains(number) else {
            throw problem(
                name,
                "a whole number from \(range.lowerBound) to \(range.upperBound) is expected")
        }
        return number
    }

    func needNumber(
        _ name: String, _ range: ClosedRange<Int>, because why: String
    ) throws(BoardsFile.Problem) -> Int {
        guard let number = try number(name, range) else {
            throw problem(name, "it is missing: \(why)")
        }
        return number
    }

    func flag(_ name: String) throws(BoardsFile.Problem) -> Bool {
        guard let node = fields[name] else { return false }
        guard case .bool(let flag) = node else { throw problem(name, "true or false is expected") }
        return flag
    }

    func list(_ name: String, _ range: ClosedRange<Int>) throws(BoardsFile.Problem) -> [JSONNode] {
        guard let node = fields[name] else { throw problem(name, "it is missing") }
        guard case .array(let nodes) = node, range.contains(nodes.count) else {
            throw problem(name, "a list of \(range.lowerBound) to \(range.upperBound) is expected")
        }
        return nodes
    }

    func choice(
        _ name: String, _ choices: [String]
    ) throws(BoardsFile.Problem) -> String? {
        guard let node = fields[name] else { return nil }
        guard case .string(let text) = node, choices.contains(text) else {
            throw problem(name, "one of \(choices.joined(separator: ", ")) is expected")
        }
        return text
    }
}
