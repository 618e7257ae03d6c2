import HTTP
import Platform
import SharedModels
import Synchronization
import Testing

@Suite("Router")
struct RouterTests {
    private func index(_ router: Router, _ path: String, _ method: Method = .get) -> Int? {
        if case .found(let index, _) = router.match(method, RequestTarget(path)!.segments) {
            index
        } else {
            nil
        }
    }

    @Test("fixed text goes before parameters, and kinds before each other; dead ends are left")
    func order() {
        let router = Router(
            [
                "/a/{x:string}", "/a/b", "/a/{x:integer}", "/a/{x:uuid}", "/a/{x:rest}",
                "/a/{x:integer}/c", "/a/b/{y:uuid}", "/", "/a/",
            ].map { (.get, PathPattern($0)) })
        #expect(index(router, "/a/b") == 1)
        #expect(index(router, "/a/7") == 2)
        #expect(index(router, "/a/01890000-0000-7000-8000-000000000000") == 3)
        #expect(index(router, "/a/word") == 0)
        #expect(index(router, "/a/7/c") == 5)
        #expect(index(router, "/a/7/d") == 4)
        #expect(index(router, "/a/b/c") == 4)
        #expect(index(router, "/a/b/01890000-0000-7000-8000-000000000000") == 6)
        #expect(index(router, "/") == 7)
        #expect(index(router, "/a/") == 8)
        #expect(index(router, "/a") == nil)
        #expect(index(router, "/b") == nil)
        #expect(index(router, "/a/99999999999999999999") == 0)
    }

    @Test("values come in order, HEAD finds GET, other methods are told")
    func values() {
        let router = Router([
            (.get, "/w/{w:uuid}/r/{n:integer}"), (.delete, "/w/{w:uuid}/r/{n:integer}"),
        ])
        let path = ["w", "01890000-0000-7000-8000-000000000000", "r", "5"]
        guard case .found(0, let values) = router.match(.head, path) else {
            Issue.record("no match")
            return
        }
        #expect(values == [path[1], "5"])
        guard case .wrongMethod(let methods) = router.match(.post, path) else {
            Issue.record("a match")
            return
        }
        #expect(methods == [.delete, .get])
    }

    @Test("targets are decoded strictly")
    func targets() {
        #expect(RequestTarget("/a%20b/%C3%BC?x=1+2&y=%26&z")?.segments == ["a b", "ü"])
        let query = RequestTarget("/a?x=1+2&y=%26&z&")?.query.map { "\($0.name)=\($0.value)" }
        #expect(query == ["x=1 2", "y=&", "z="])
        #expect(RequestTarget("/a+b")?.segments == ["a+b"])
        for bad in [
            "", "a", "*", "http://a/", "/a/../b", "/.", "/%2e", "/a%", "/a%zz", "/%00", "/%0a",
            "/%2f", "/%ff", "/a#b", "/?x=%", "/?" + String(repeating: "a&", count: 65),
        ] {
            #expect(RequestTarget(bad) == nil, "\(bad)")
        }
    }
}

@Suite("Schema")
struct SchemaTests {
    private let schema = Schema.object([
        .required("name", .string(1...5)),
        .optional("tags", .array(of: .choice(["a", "b"]), 0...2)),
        .optional("size", .nullable(.integer(0...10))), .optional("ratio", .number(0...1)),
        .optional("owner", .uuid), .optional("flag", .boolean),
        .optional(
            "action",
            .variants(
                by: "type",
                [.init("pulse", [.required("ms", .integer(1...100))]), .init("stop")])),
        .optional("notes", .map(of: .string(0...3), maxCount: 2)),
        .optional("extra", .freeObject(maxValues: 4)),
    ])

    private func problems(_ json: String) throws -> [String] {
        schema.problems(with: try JSONParser.parse(Array(json.utf8))).map {
            "\($0.path): \($0.message)"
        }
    }

    @Test("what fits passes")
    func passes() throws {
        let all = """
            {"name":"größe","tags":["a","b"],"size":null,"ratio":1,"flag":false,
            "owner":"01890000-0000-7000-8000-000000000000","action":{"ms":5,"type":"pulse"},
            "notes":{"x":"y"},"extra":{"a":[1,2]}}
            """
        #expect(try problems(all) == [])
        #expect(try problems(#"{"name":"a","action":{"type":"stop"}}"#) == [])
    }

    @Test("each problem is named with its path")
    func fails() throws {
        #expect(try problems("[]") == [": must be an object"])
        #expect(try problems("{}") == ["name: is missing"])
        #expect(try problems(#"{"name":""}"#) == ["name: must have 1 to 5 characters"])
        #expect(try problems(#"{"name":5}"#) == ["name: must be text"])
        #expect(try problems(#"{"name":null}"#) == ["name: must be text"])
        #expect(
            try problems(#"{"name":"a","tags":["c",1]}"#)
                == ["tags[0]: must be one of a, b", "tags[1]: must be text"])
        #expect(
            try problems(#"{"name":"a","tags":["a","a","a"]}"#) == ["tags: must have 0 to 2 items"])
        #expect(try problems(#"{"name":"a","size":11}"#) == ["size: must be 0 to 10"])
        #expect(try problems(#"{"name":"a","size":1.5}"#) == ["size: must be a whole number"])
        #expect(try problems(#"{"name":"a","ratio":1.01}"#) == ["ratio: must be 0.0 to 1.0"])
        #expect(try problems(#"{"name":"a","owner":"x"}"#) == ["owner: must be a UUID"])
        #expect(try problems(#"{"name":"a","flag":1}"#) == ["flag: must be true or false"])
        #expect(
            try problems(#"{"name":"a","action":{"type":"fly"}}"#)
                == ["action.type: must be one of pulse, stop"])
        #expect(
            try problems(#"{"name":"a","action":{"type":"stop","ms":1}}"#)
                == ["action.ms: is not known"])
        #expect(
            try problems(#"{"name":"a","action":{"type":"pulse"}}"#) == ["action.ms: is missing"])
        #expect(
            try problems(#"{"name":"a","notes":{"x":"long"}}"#) == [
                "notes.x: must have 0 to 3 characters"
            ])
        #expect(
            try problems(#"{"name":"a","extra":{"a":[1,2,3]}}"#) == [
                "extra: must have at most 4 values in all"
            ])
        let many = (0..<100).map { #""f\#($0)":1"# }.joined(separator: ",")
        #expect(try problems("{\"name\":\"a\",\(many)}").count == 20)
    }

    @Test(
        "JSON is read strictly",
        arguments: [
            "", " ", "{", "[1,]", "{\"a\":1,}", "{a:1}", "'a'", "01", "1.", ".5", "+1", "1e", "-",
            "NaN",
            "nul", "truex", "[1] 2", "\"\u{1}\"", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"",
            "\"\\udc00\"",
            "\"\\ud800\\u0041\"", "\"\\u0000\"", "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}",
            "1e999",
            String(repeating: "[", count: 33) + String(repeating: "]", count: 33), "\"a",
            String(repeating: "[", count: 1_000_000), "\u{FEFF}{}",
        ])
    func malformed(text: String) {
        #expect(throws: JSONParser.Failure.self) { try JSONParser.parse(Array(text.utf8)) }
    }

    @Test("JSON is read rightly")
    func wellFormed() throws {
        let text =
            #" {"a" : [ 1, -2.5e1, 9223372036854775808, "\u00fc\n\ud83d\ude00", null, true ]} "#
        let value = try JSONParser.parse(Array(text.utf8))
        #expect(
            value["a"]
                == .array([
                    .integer(1), .number(-25), .number(9_223_372_036_854_775_808), .string("ü\n😀"),
                    .null, .bool(true),
                ]))
        #expect(throws: JSONParser.Failure.self) { try JSONParser.parse([0x22, 0xFF, 0x22]) }
    }

    @Test("any bytes are read or refused, never more")
    func noise() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SplitMix(seed: seed)
        let alphabet = Array("{}[]\",:\\u0aftrue123.e-+ \u{1}".utf8) + [0xC3, 0xFF]
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...30, using: &generator)
            let bytes = (0..<count).map { _ in alphabet.randomElement(using: &generator)! }
            _ = try? JSONParser.parse(bytes)
        }
    }
}

@Suite("Endpoints in memory")
struct EndpointTests {
    private struct Made: Codable { let name: String }

    private final class Store: IdempotencyStore {
        let answers = Mutex<[IdempotencyKey: StoredAnswer?]>([:])

        func begin(_ key: IdempotencyKey) async throws -> IdempotencyDecision {
            answers.withLock { answers in
                if let known = answers[key] { return known.map { .replay($0) } ?? .inProgress }
                if answers.keys.contains(where: { $0.key == key.key }) { return .mismatch }
                answers[key] = .some(nil)
                return .proceed
            }
        }

        func finish(_ key: IdempotencyKey, _ answer: StoredAnswer) async throws {
            answers.withLock { $0[key] = .some(answer) }
        }

        func abandon(_ key: IdempotencyKey) async {
            _ = answers.withLock { $0.removeValue(forKey: key) }
        }
    }

    private let count = Counter()

    private final class Counter: Sendable {
        let value = Atomic(0)
        func next() -> Int { value.add(1, ordering: .relaxed).newValue }
    }

    private func application(_ store: Store = Store()) -> Application {
        let count = count
        let endpoints: [Endpoint] = [
            Endpoint(
                .post, "/w/{w:uuid}/things", "Makes.", tag: "t",
                access: .permission("things.write"),
                rate: .write, body: .json(.object([.required("name", .string(1...9))])),
                answer: .item(.text), status: .created, isIdempotent: true
            ) { call in
                let made: Made = try call.body()
                if made.name == "boom" { throw HTTPError(.serviceUnavailable, "later", "Later.") }
                return try .item(Made(name: "\(made.name) \(count.next())"), status: .created)
            },
            Endpoint(
                .get, "/list", "Lists.", tag: "t", access: .signedIn, rate: .read,
                query: [.limit, .cursor, .init("sort", .choice(["new", "old"]))],
                answer: .page(of: .text)
            ) { call in
                try .page([call.limit(), 7], nextCursor: call.query("sort"))
            },
            Endpoint(
                .post, "/sign-in", "For everybody.", tag: "t", access: .open, rate: .login,
                answer: .item(.text)
            ) { call in try .item(Made(name: call.caller?.subject ?? "nobody")) },
        ]
        let hooks = Hooks(
            authenticate: { request in
                guard let token = request.bearerToken else { return nil }
                guard token != "bad" else { throw HTTPError.unauthenticated }
                return Caller(kind: .account, subject: token)
            },
            authorise: { caller, permission, call in
                caller.subject == "ann" && permission == "things.write"
                    && call.path("w").hasSuffix("1")
            },
            limit: { rate, key in
                key == "busy" || rate == .failedLogin && key == "6.6.6.6" ? .wait(seconds: 9) : .go
            },
            idempotency: store)
        return Application(endpoints: endpoints, hooks: hooks, log: .quiet)
    }

    private func ask(
        _ application: Application, _ method: Method, _ path: String, token: String? = nil,
        body: String? = nil, key: String? = nil, peer: String = "1.2.3.4"
    ) async throws -> (status: Int, text: String, response: Response) {
        var headers: [(name: String, value: String)] = []
        if let token { headers.append(("Authorization", "Bearer \(token)")) }
        if let key { headers.append(("Idempotency-Key", key)) }
        if body != nil { headers.append(("content-type", "application/json; charset=utf-8")) }
        let request = try #require(
            Request(
                method, path, headers: headers, body: Array((body ?? "").utf8), peer: peer, id: "r1"
            ))
        let response = await application.respond(to: request)
        return (
            response.status.rawValue,
            String(decoding: response.bodyBytes(requestID: "r1"), as: UTF8.self), response
        )
    }

    private let path = "/w/01890000-0000-7000-8000-000000000001/things"

    @Test("who may do what: 401 without, 403 with the wrong, 429 when it is too much")
    func access() async throws {
        let application = application()
        let body = #"{"name":"x"}"#
        let none = try await ask(application, .post, path, body: body)
        #expect(none.status == 401)
        #expect(none.response.header("WWW-Authenticate") == "Bearer")
        #expect(try await ask(application, .post, path, token: "bob", body: body).status == 403)
        let elsewhere = "/w/01890000-0000-7000-8000-000000000002/things"
        #expect(
            try await ask(application, .post, elsewhere, token: "ann", body: body).status == 403)
        #expect(try await ask(application, .post, path, token: "ann", body: body).status == 201)
        let busy = try await ask(application, .get, "/list", token: "busy")
        #expect(busy.status == 429 && busy.response.header("Retry-After") == "9")
        #expect(try await ask(application, .get, "/list", token: "bad").status == 401)
        #expect(
            try await ask(application, .get, "/list", token: "bad", peer: "6.6.6.6").status == 429)
    }

    @Test("who is signed in, was, or never was: what is open to everybody takes no notice")
    func open() async throws {
        let application = application()
        for token in [nil, "ann", "bad", "busy"] {
            let answer = try await ask(application, .post, "/sign-in", token: token)
            #expect(answer.text == #"{"data":{"name":"nobody"},"request_id":"r1"}"#)
        }
        // Its limit goes by the address, however many accounts somebody has.
        #expect(
            try await ask(application, .post, "/sign-in", token: "ann", peer: "busy").status == 429)
    }

    @Test("pages have their envelope, queries are checked")
    func pages() async throws {
        let application = application()
        let page = try await ask(application, .get, "/list?sort=new&limit=3", token: "ann")
        #expect(
            page.text == #"{"data":[3,7],"next_cursor":"new","has_more":true,"request_id":"r1"}"#)
        let last = try await ask(application, .get, "/list", token: "ann")
        #expect(
            last.text == #"{"data":[25,7],"next_cursor":null,"has_more":false,"request_id":"r1"}"#)
        for query in [
            "limit=0", "limit=101", "limit=x", "limit=1&limit=2", "sort=up", "a=1", "limit=",
        ] {
            let answer = try await ask(application, .get, "/list?\(query)", token: "ann")
            #expect(answer.status == 422, "\(query)")
        }
    }

    @Test("errors have one shape")
    func errors() async throws {
        let application = application()
        let missing = try await ask(application, .get, "/nothing")
        #expect(missing.status == 404)
        #expect(
            missing.text
                == #"{"error":{"code":"not_found","message":"There is nothing here.","fields":[]},"request_id":"r1"}"#
        )
        let method = try await ask(application, .delete, "/list")
        #expect(method.status == 405 && method.response.header("Allow") == "GET")
        #expect(try await ask(application, .options, "/list").response.header("Allow") == "GET")
        let json = try await ask(application, .post, path, token: "ann", body: "{")
        #expect(json.status == 400 && json.text.contains(#""code":"malformed_json""#))
        let request = try #require(
            Request(.post, path, headers: [("Authorization", "Bearer ann")], body: Array("{}".utf8))
        )
        #expect(await application.respond(to: request).status == .unsupportedMediaType)
    }

    @Test("a JSON body is UTF-8 and says nothing else")
    func characterSet() async throws {
        let application = application()
        for (type, status) in [
            ("application/json", 201), ("Application/JSON ; Charset=UTF-8", 201),
            (#"application/json; charset="utf-8""#, 201), ("application/json; profile=x", 201),
            ("application/json;charset=utf-16", 415), ("application/json; charset=latin1", 415),
            ("application/json; x=y; charset=utf-16", 415), ("application/json; charset", 415),
            ("application/json; charset=utf-8; charset=utf-16", 415), ("text/json", 415),
        ] {
            let request = try #require(
                Request(
                    .post, path,
                    headers: [("Authorization", "Bearer ann"), ("Content-Type", type)],
                    body: Array(#"{"name":"x"}"#.utf8)))
            #expect(await application.respond(to: request).status.rawValue == status, "\(type)")
        }
    }

    @Test("a repeat with the same key gets the same answer; a failure gives the key back")
    func idempotency() async throws {
        let application = application()
        let first = try await ask(
            application, .post, path, token: "ann", body: #"{"name":"x"}"#, key: "k1")
        let again = try await ask(
            application, .post, path, token: "ann", body: #"{"name":"x"}"#, key: "k1")
        #expect(first.status == 201 && again.status == 201)
        #expect(first.text == again.text)
        #expect(again.response.header("Idempotency-Replayed") == "true")
        let other = try await ask(
            application, .post, path, token: "ann", body: #"{"name":"y"}"#, key: "k1")
        #expect(other.status == 422 && other.text.contains("key_reused"))
        for _ in 0..<2 {
            let failed = try await ask(
                application, .post, path, token: "ann", body: #"{"name":"boom"}"#, key: "k2")
            #expect(failed.status == 503 && failed.response.header("Idempotency-Replayed") == nil)
        }
        let bad = try await ask(
            application, .post, path, token: "ann", body: #"{"name":"x"}"#, key: "a b")
        #expect(bad.status == 400)
    }

    @Test("a header value can split no answer")
    func splitting() {
        let response = Response.empty().with("X-A", "a\r\nX-B: b").with("X C", "d").with("X-E", "é")
        #expect(response.headers.map(\.name) == ["X-E"])
    }

    @Test("dates go both ways")
    func dates() {
        #expect(HTTPDate.text(unixSeconds: 784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(HTTPDate.unixSeconds("Sun, 06 Nov 1994 08:49:37 GMT") == 784_111_777)
        var generator = SplitMix(seed: 1)
        for _ in 0..<1000 {
            let seconds = Int64.random(in: 0...253_402_300_799, using: &generator)
            #expect(HTTPDate.unixSeconds(HTTPDate.text(unixSeconds: seconds)) == seconds)
        }
        for bad in [
            "", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Foo 1994 08:49:37 GMT", "a b c d e GMT",
        ] {
            #expect(HTTPDate.unixSeconds(bad) == nil)
        }
    }
}
