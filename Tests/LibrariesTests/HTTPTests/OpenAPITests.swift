import FoundationEssentials
import HTTP
import Platform
import Testing

private let endpoints: [Endpoint] = {
    let rule = Schema.named(
        "Rule",
        .object([
            .required("id", .uuid), .required("name", .string(1...80), "Shown in the console."),
            .optional("note", .nullable(.string(0...500))),
        ]))
    return [
        Endpoint(
            .post, "/api/v1/workspaces/{workspace_id:uuid}/rules", "Makes a rule.", tag: "rules",
            access: .permission("rules.write"), rate: .write,
            body: .json(.named("RuleDraft", .object([.required("name", .string(1...80))]))),
            answer: .item(rule), status: .created, isIdempotent: true, errors: [.conflict]
        ) { _ in .empty() },
        Endpoint(
            .get, "/api/v1/workspaces/{workspace_id:uuid}/rules", "Lists rules.", tag: "rules",
            access: .permission("rules.read"), rate: .read, query: [.limit, .cursor],
            answer: .page(of: rule)
        ) { _ in .empty() },
        Endpoint(
            .get, "/api/v1/health", "Says whether it lives.", tag: "system", access: .open,
            rate: .read, answer: .nothing
        ) { _ in .empty() },
        Endpoint(
            .get, "/api/v1/live", "Shows what happens.", tag: "live", access: .signedIn,
            rate: .stream, answer: .events(.variants(by: "type", [.init("comment")]))
        ) { _ in .empty() },
    ]
}()

@Suite("OpenAPI")
struct OpenAPITests {
    @Test("the document is valid JSON, the same every time, and knows every endpoint")
    func document() throws {
        let text = OpenAPI.document(title: "Cuelight", version: "1.0.0", endpoints: endpoints)
        #expect(
            text
                == OpenAPI.document(
                    title: "Cuelight", version: "1.0.0", endpoints: endpoints.reversed()))
        let value = try JSONParser.parse(Array(text.utf8))
        #expect(value["openapi"] == .string("3.1.0"))
        let rules = value["paths"]?["/api/v1/workspaces/{workspace_id}/rules"]
        #expect(rules?["post"]?["operationId"] == .string("post_workspaces_by_workspace_id_rules"))
        #expect(rules?["post"]?["x-permission"] == .string("rules.write"))
        #expect(rules?["post"]?["responses"]?["201"] != nil)
        #expect(rules?["post"]?["responses"]?["409"] != nil)
        #expect(rules?["get"]?["parameters"] != nil)
        #expect(value["paths"]?["/api/v1/health"]?["get"]?["security"] == .array([]))
        #expect(value["components"]?["schemas"]?["Rule"]?["additionalProperties"] == .bool(false))
        #expect(value["components"]?["schemas"]?["Error"] != nil)
    }

    @Test("the document is the golden one")
    func golden() throws {
        let text = OpenAPI.document(title: "Golden", version: "1.0.0", endpoints: endpoints)
        let url = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Golden/http-openapi.json")
        if ProcessInfo.processInfo.environment["CUELIGHT_GOLDEN"] == "write" {
            try text.write(to: url, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: url, encoding: .utf8) == text)
    }
}
