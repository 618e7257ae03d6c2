import FoundationEssentials
import HTTP
import Testing

@testable import cuelight

/// `docs/api/openapi.json` is what `cuelight openapi` prints; `make golden` rewrites it.
@Suite("API document: Golden")
struct APIDocumentTests {
    private static let file = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "docs/api/openapi.json")

    private static let methods: Set = ["get", "put", "post", "delete", "patch", "head", "options"]

    /// Each operation of the document, by what it is called here.
    private func operations(of document: JSONValue) throws -> [(name: String, JSONValue)] {
        let paths = try #require(document["paths"]?.members)
        return paths.flatMap { path, item in
            (item.members ?? []).filter { Self.methods.contains($0.key) }
                .map { ("\($0.key) \(path)", $0.value) }
        }
    }

    @Test("the file is what the program prints")
    func golden() throws {
        let text = try APIDocument.text
        if ProcessInfo.processInfo.environment["CUELIGHT_GOLDEN"] == "write" {
            try FileManager.default.createDirectory(
                at: Self.file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try text.write(to: Self.file, atomically: true, encoding: .utf8)
        }
        let golden = try String(contentsOf: Self.file, encoding: .utf8)
        #expect(text == golden, "run `make golden` and review the difference")
    }

    @Test("it is OpenAPI 3.1 with a title and a version")
    func head() throws {
        let document = try JSONParser.parse(Array(try APIDocument.text.utf8))
        #expect(document["openapi"]?.text?.hasPrefix("3.1.") == true)
        #expect(document["info"]?["title"]?.text?.isEmpty == false)
        #expect(document["info"]?["version"]?.text?.isEmpty == false)
    }

    @Test("every operation has an id of its own, a summary and an answer of success and of failure")
    func operations() throws {
        let document = try JSONParser.parse(Array(try APIDocument.text.utf8))
        let operations = try operations(of: document)
        #expect(operations.count > 20)
        var ids: Set<String> = []
        for (name, operation) in operations {
            let id = try #require(operation["operationId"]?.text, "\(name)")
            #expect(!id.isEmpty && ids.insert(id).inserted, "\(name): \(id)")
            #expect(operation["summary"]?.text?.isEmpty == false, "\(name)")
            let codes = (operation["responses"]?.members ?? []).map(\.key)
            #expect(codes.contains { $0.hasPrefix("2") || $0 == "101" }, "\(name): \(codes)")
            #expect(codes.contains { $0.hasPrefix("4") || $0 == "default" }, "\(name): \(codes)")
            for (code, response) in operation["responses"]?.members ?? [] {
                let isNamed = response["$ref"] != nil || response["description"]?.text != nil
                #expect(isNamed, "\(name) \(code) has no description")
            }
        }
    }

    @Test("every parameter in a path is declared, and none that is not there")
    func parameters() throws {
        let document = try JSONParser.parse(Array(try APIDocument.text.utf8))
        for (name, operation) in try operations(of: document) {
            let inPath = name.split(separator: "{").dropFirst().compactMap {
                $0.split(separator: "}").first.map(String.init)
            }
            let declared = (operation["parameters"]?.items ?? [])
                .filter { $0["in"]?.text == "path" }
            #expect(Set(declared.compactMap { $0["name"]?.text }) == Set(inPath), "\(name)")
            #expect(declared.allSatisfy { $0["required"] == .bool(true) }, "\(name)")
        }
    }

    @Test("every reference leads somewhere")
    func references() throws {
        let document = try JSONParser.parse(Array(try APIDocument.text.utf8))
        var references: Set<String> = []
        collect(document, into: &references)
        #expect(!references.isEmpty)
        for reference in references {
            var place: JSONValue? = document
            for step in reference.dropFirst(2).split(separator: "/") {
                place = place?[String(step)]
            }
            #expect(reference.hasPrefix("#/") && place != nil, "\(reference)")
        }
    }

    private func collect(_ value: JSONValue, into references: inout Set<String>) {
        for (key, member) in value.members ?? [] {
            if key == "$ref", let text = member.text { references.insert(text) }
            collect(member, into: &references)
        }
        for item in value.items ?? [] { collect(item, into: &references) }
    }
}

extension JSONValue {
    /// The members of an object, or nil.
    fileprivate var members: [(key: String, value: JSONValue)]? {
        guard case .object(let members) = self else { return nil }
        return members.map { ($0.name, $0.value) }
    }

    /// The items of an array, or nil.
    fileprivate var items: [JSONValue]? { if case .array(let items) = self { items } else { nil } }
}
