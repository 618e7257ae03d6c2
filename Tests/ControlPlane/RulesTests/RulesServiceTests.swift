import FoundationEssentials
import Platform
import Postgres
import SharedModels
import Synchronization
import TestSupport
import Testing

@testable import HTTP
@testable import Rules

/// The domain on a database of its own, called as a client calls it.
private final class Desk: Sendable {
    let rules: Rules
    let database: TestDatabase
    let announcements: Announcements
    private let application: Application

    init(problems: [RuleProblem] = []) async throws {
        let sets = Announcements()
        database = try await TestDatabase.make()
        let generator = IDGenerator()
        rules = Rules(
            pool: database.pool, log: Log(component: "test", minimum: .error),
            operation: .freeObject(maxValues: 8), makeID: { generator.next() },
            surroundings: .init(
                problems: { _ in problems }, changed: { sets.add($0) }))
        announcements = sets
        application = Application(
            endpoints: rules.endpoints,
            hooks: Hooks(
                authenticate: { _ in Caller(kind: .account, subject: "tester") },
                authorise: { _, permission, _ in permission.hasPrefix("workspace.") }),
            log: Log(component: "test", minimum: .error))
    }

    func call(
        _ method: HTTP.Method, _ path: String = "", _ body: String = "",
        in workspace: WorkspaceID = workspace
    ) async throws -> (status: Int, json: JSONValue) {
        let request = try #require(
            Request(
                method, "/api/v1/workspaces/\(workspace)/rules\(path)",
                headers: [("content-type", "application/json")], body: Array(body.utf8)))
        let response = await application.respond(to: request)
        let bytes = Envelope.bytes(of: response, requestID: "test")
        let json = bytes.isEmpty ? JSONValue.null : try JSONParser.parse(bytes)
        return (response.status.rawValue, json)
    }
}

/// The rule sets that were handed on.
private final class Announcements: Sendable {
    private let sets = Mutex<[RuleSet]>([])
    func add(_ set: RuleSet) { sets.withLock { $0.append(set) } }
    var all: [RuleSet] { sets.withLock { $0 } }
    var last: RuleSet? { sets.withLock { $0.last } }
    var count: Int { sets.withLock { $0.count } }
}

private func draft(
    _ name: String = "lamp", trigger: String = #"{"type":"follow"}"#, rest: String = ""
) -> String {
    """
    {"name":"\(name)","trigger":\(trigger),"actions":[{"device_id":"\(DeviceID(high: 3, low: 3))",
    "channel":"lamp","operation":{"type":"pulse","duration_ms":50}}]\(rest)}
    """
}

@Suite("Rules of a workspace", .needsServices)
struct RulesServiceTests {
    @Test("a rule is made, read, replaced, switched off and deleted, and each change is handed on")
    func livesThroughChanges() async throws {
        let desk = try await Desk()
        let made = try await desk.call(.post, "", draft(rest: #","priority":7"#))
        #expect(made.status == 201)
        let id = try #require(made.json["data"]?["id"]?.text)
        #expect(made.json["data"]?["version"] == .integer(1))
        #expect(made.json["data"]?["priority"] == .integer(7))
        #expect(made.json["data"]?["guards"]?["deadline_ms"] == .integer(10_000))
        #expect(desk.announcements.last?.rules.map(\.name) == ["lamp"])

        let read = try await desk.call(.get, "/\(id)")
        #expect(read.status == 200 && read.json["data"] == made.json["data"])

        let replaced = try await desk.call(
            .put, "/\(id)", draft("bell", trigger: #"{"type":"join"}"#, rest: #","version":1"#))
        #expect(replaced.status == 200)
        #expect(replaced.json["data"]?["version"] == .integer(2))
        #expect(replaced.json["data"]?["created_at_ms"] == made.json["data"]?["created_at_ms"])
        #expect(desk.announcements.last?.rules.map(\.trigger) == [.join])

        let late = try await desk.call(.put, "/\(id)", draft(rest: #","version":1"#))
        #expect(late.status == 409)
        #expect(late.json["error"]?["code"] == .string("changed_meanwhile"))

        let off = try await desk.call(.patch, "/\(id)", #"{"is_enabled":false}"#)
        #expect(off.json["data"]?["is_enabled"] == .bool(false))
        #expect(off.json["data"]?["name"] == .string("bell"))
        #expect(desk.announcements.last?.rules.isEmpty == true)

        let count = desk.announcements.count
        #expect(try await desk.call(.delete, "/\(id)").status == 204)
        #expect(try await desk.call(.delete, "/\(id)").status == 404)
        #expect(try await desk.call(.get, "/\(id)").status == 404)
        #expect(desk.announcements.count == count + 1)
        #expect(desk.announcements.last?.revision == 4)
    }

    @Test("the list comes in pages, in the order of making")
    func pages() async throws {
        let desk = try await Desk()
        for number in 0..<5 { _ = try await desk.call(.post, "", draft("rule \(number)")) }
        var names: [String] = []
        var path = "?limit=2"
        for _ in 0..<3 {
            let page = try await desk.call(.get, path)
            guard case .array(let items)? = page.json["data"] else { break }
            names += items.compactMap { $0["name"]?.text }
            guard let next = page.json["next_cursor"]?.text else { break }
            path = "?limit=2&cursor=\(next)"
        }
        #expect(names == (0..<5).map { "rule \($0)" })
        #expect(try await desk.call(.get, "?cursor=nonsense").status == 422)
    }

    @Test("every kind of rule comes back from the database as it was")
    func keepsEveryKind() async throws {
        let desk = try await Desk()
        var world = RandomWorld(seed: 5)
        for number in 0..<200 {
            var rule = world.rules(1)[0]
            rule.workspace = workspace
            rule.name = "rule \(number) ❤️"
            if !RuleValidator.problems(in: rule).isEmpty { continue }
            let stored = try await desk.rules.service.make(rule)
            rule.id = stored.rule.id
            #expect(stored.rule == rule)
            #expect(try await desk.rules.service.rule(rule.id, of: workspace).rule == rule)
        }
    }

    @Test("nobody reaches the rules of another workspace")
    func keepsWorkspacesApart() async throws {
        let desk = try await Desk()
        let other = WorkspaceID(high: 66, low: 6)
        let made = try await desk.call(.post, "", draft())
        let id = try #require(made.json["data"]?["id"]?.text)
        #expect(try await desk.call(.get, "/\(id)", in: other).status == 404)
        #expect(try await desk.call(.put, "/\(id)", draft(), in: other).status == 404)
        #expect(
            try await desk.call(.patch, "/\(id)", #"{"is_enabled":false}"#, in: other).status == 404
        )
        #expect(try await desk.call(.delete, "/\(id)", in: other).status == 404)
        #expect(try await desk.call(.get, "", in: other).json["data"] == .array([]))
        #expect(try await desk.rules.service.ruleSet(of: other).rules.isEmpty)
        #expect(try await desk.rules.service.ruleSet(of: workspace).rules.count == 1)
    }

    @Test(
        "what is wrong is named by its field",
        arguments: [
            (draft(""), "name"),
            (draft(trigger: #"{"type":"sneeze"}"#), "trigger.type"),
            (draft(trigger: #"{"type":"like_milestone","every":0}"#), "trigger.every"),
            (
                draft(trigger: #"{"type":"comment","match":{"mode":"word","text":"\u0301"}}"#),
                "trigger.match.text"
            ),
            (
                draft(rest: #","conditions":[{"type":"role","any":["king"]}]"#),
                "conditions[0].any[0]"
            ),
            (draft(rest: #","guards":{"chance_permille":0}"#), "guards.chance_permille"),
            (draft(rest: #","colour":1"#), "colour"),
            (#"{"name":"a","trigger":{"type":"join"},"actions":[]}"#, "actions"),
        ])
    func namesWrongFields(body: String, field: String) async throws {
        let desk = try await Desk()
        let answer = try await desk.call(.post, "", body)
        #expect(answer.status == 422)
        guard case .array(let fields)? = answer.json["error"]?["fields"] else {
            Issue.record("no fields in \(answer.json)")
            return
        }
        #expect(fields.contains { $0["path"]?.text == field }, "\(fields)")
        #expect(desk.announcements.count == 0)
    }

    @Test("actions that devices cannot do are refused")
    func asksForDevices() async throws {
        let desk = try await Desk(
            problems: [RuleProblem(field: "actions[0].device_id", message: "is not there")])
        #expect(try await desk.call(.post, "", draft()).status == 422)
        #expect(try await desk.call(.get).json["data"] == .array([]))
    }

    @Test("of many at once, no more rules are made than a workspace may have")
    func boundsRules() async throws {
        let desk = try await Desk()
        let store = RulesStore(pool: desk.database.pool)
        let made = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<40 {
                group.addTask { try await store.insert(rule(number, .follow), rulesMax: 10) != nil }
            }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(made == 10)
        #expect(try await store.rules(of: workspace, after: nil, limit: 100).count == 10)
    }

    @Test("of many changes at once, none is lost and the newest set wins in the engine")
    func ordersChanges() async throws {
        let desk = try await Desk()
        let service = desk.rules.service
        var engine = RuleEngine(RuleSet(workspace: workspace, rules: []), seed: 1)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<30 {
                group.addTask {
                    let stored = try await service.make(rule(number, .follow))
                    _ = try await service.setEnabled(number % 2 == 0, stored.rule.id, of: workspace)
                }
            }
            try await group.waitForAll()
        }
        for set in desk.announcements.all.shuffled() { engine.swap(to: set) }
        #expect(engine.ruleSet.rules.count == 15)
        #expect(engine.ruleSet.revision == 60)
    }

    @Test("a rule that this version cannot read does not stop the others")
    func skipsUnreadableRules() async throws {
        let desk = try await Desk()
        _ = try await desk.call(.post, "", draft("good"))
        let bad = try await desk.call(.post, "", draft("bad"))
        let id = try #require(RuleID(bad.json["data"]?["id"]?.text ?? ""))
        try await desk.database.pool.execute(
            "UPDATE rules.rule SET definition = '{\"trigger\":{\"type\":\"new\"}}' WHERE id = \(id)"
        )
        #expect(try await desk.rules.service.ruleSet(of: workspace).rules.map(\.name) == ["good"])
    }
}
