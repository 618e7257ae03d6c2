import Platform
import TestSupport
import Testing

/// A configuration with a key of every kind.
private struct Sample {
    enum Mode: String, CaseIterable { case quick, safe }

    let name: String
    let motto: String?
    let workers: Int
    let isOn: Bool
    let port: UInt16
    let address: SocketAddress
    let wait: Duration
    let body: Int
    let mode: Mode
    let origins: [String]
    let folder: String
    let extra: String?
    let key: Secret?

    init(_ config: inout ConfigReader) {
        config.section("main", "What it is.\nIn two lines.")
        name = config.string("name", default: "stage # one", "Its name.")
        motto = config.optionalString("motto", "What it says.")
        workers = config.integer("workers", default: 4, in: 1...64, "How many work.")
        isOn = config.boolean("is_on", default: true, "Whether it is on.")
        mode = config.choice("mode", default: .safe, "How.")
        config.section("http", "The API.")
        port = config.port("port", default: 8080, "Its port.")
        address = config.address(
            "address", default: .ip("127.0.0.1", port: 8080), "Where to listen.")
        wait = config.duration(
            "wait", default: .seconds(10), in: .milliseconds(1) ... .seconds(3600), "Patience.")
        body = config.size("body", default: 256 << 10, in: 1...1 << 30, "Largest body.")
        origins = config.list("origins", default: ["a", "b"], "Who may ask.")
        folder = config.path("folder", default: "/var/lib/cuelight", "Files.")
        extra = config.optionalPath("extra", "More files.")
        key = config.optionalSecret("key_file", "The key.")
    }
}

@Suite("Configuration")
struct ConfigTests {
    private func read(
        _ text: String, path: String = "/etc/cuelight/main.conf",
        environment: [String: String] = [:]
    ) throws(ConfigError) -> Sample {
        try ConfigReader.read(text, path: path, environment: environment, Sample.init)
    }

    private func problems(_ text: String, environment: [String: String] = [:]) -> [String] {
        do throws(ConfigError) {
            _ = try read(text, environment: environment)
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    @Test("nothing set gives the defaults")
    func defaults() throws {
        let config = try read("")
        #expect(config.name == "stage # one")
        #expect(config.motto == nil)
        #expect(config.workers == 4)
        #expect(config.isOn)
        #expect(config.address == .ip("127.0.0.1", port: 8080))
        #expect(config.wait == .seconds(10))
        #expect(config.body == 262_144)
        #expect(config.mode == .safe)
        #expect(config.origins == ["a", "b"])
        #expect(config.folder == "/var/lib/cuelight")
        #expect(config.key == nil)
    }

    @Test("every kind of value is read, with comments, quotes and odd spacing")
    func values() throws {
        let config = try read(
            """
            # A comment = not a key
            ; another
            \t[main]   # which
            name="a \\"b\\" \\\\ # c"   # not part
            motto   =   two words#not a comment   # but this
            workers=64\r
            is_on = off
            mode = quick

            [http]
            port = 1
            address = unix:/run/http.sock
            wait = 250ms
            body = 10 MiB
            origins = https://one.example ,https://two.example
            folder = data/files
            extra =/abs
            """)
        #expect(config.name == "a \"b\" \\ # c")
        #expect(config.motto == "two words#not a comment")
        #expect(config.workers == 64)
        #expect(!config.isOn)
        #expect(config.mode == .quick)
        #expect(config.port == 1)
        #expect(config.address == .unix(path: "/run/http.sock"))
        #expect(config.wait == .milliseconds(250))
        #expect(config.body == 10 << 20)
        #expect(config.origins == ["https://one.example", "https://two.example"])
        #expect(config.folder == "/etc/cuelight/data/files")
        #expect(config.extra == "/abs")
    }

    @Test("the environment wins, and names it does not know are left alone")
    func environment() throws {
        let config = try read(
            "[http]\nport = 1\nfolder = here",
            environment: [
                "CUELIGHT_HTTP_PORT": "2", "CUELIGHT_MAIN_IS_ON": "no", "HTTP_PORT": "3",
                "CUELIGHT_HTTP_PROT": "4", "CUELIGHT_HTTP_EXTRA": "rel/ative", "PATH": "/bin",
            ])
        #expect(config.port == 2)
        #expect(!config.isOn)
        #expect(config.extra == "rel/ative")
    }

    @Test("all problems are told at once, each with its line, key and remedy")
    func allProblems() {
        let found = problems(
            """
            [main]
            workers = many
            wrokers = 3
            [htpt]
            port = 1
            [http]
            port = 70000
            wait = 10
            body = 3 apples
            loudness = x
            """, environment: ["CUELIGHT_MAIN_IS_ON": "maybe"])
        #expect(
            found == [
                "line 2: main.workers: expected a whole number from 1 to 64 instead of \"many\"",
                "line 3: main.wrokers: is not a key; did you mean main.workers?",
                "line 5: htpt.port: is not a key: no section htpt; did you mean http.port?",
                "line 7: http.port: expected a port from 1 to 65535 instead of \"70000\"",
                "line 8: http.wait: expected a time from 1ms to 1h, such as 250ms, 10s, 5m, 2h or 7d"
                    + " instead of \"10\"",
                "line 9: http.body: expected a size from 1 to 1GiB, such as 512, 256KiB, 10MiB or 2GiB"
                    + " instead of \"3 apples\"",
                "line 10: http.loudness: is not a key",
                "CUELIGHT_MAIN_IS_ON: expected true or false instead of \"maybe\"",
            ])
    }

    @Test(
        "a line that is no line of the form is refused",
        arguments: [
            "workers = 3", "[main]\nworkers", "[main\nworkers = 3", "[Main]", "[]", "[main] x",
            "[main]\nname = \"open", "[main]\nname = \"a\" b", "[main]\nname = \"\\n\"",
            "[main]\nname = a\nname = b", "[main]\n= 3", "[main]\nNAME = 3",
        ])
    func badForm(text: String) { #expect(problems(text).count >= 1, "\(text)") }

    @Test(
        "a value out of its range is refused",
        arguments: [
            "workers = 0", "workers = 65", "workers = 99999999999999999999", "workers = -1",
            "workers = 3.5", "workers =", "is_on =", "mode = Quick",
        ])
    func badMain(line: String) { #expect(problems("[main]\n" + line).count == 1) }

    @Test(
        "so are these",
        arguments: [
            "port = 0", "port = 65536", "wait = 0s", "wait = 2h", "wait = 10 parsecs",
            "wait = 9223372036854775807d", "wait = -1s", "wait = s", "body = 0", "body = 2GiB",
            "body = 9223372036854775807GiB", "body = 1kb", "body = ١", "address = localhost:1",
            "address = 1.2.3.4", "origins = a,,b", "origins = ,", "folder =", "extra =",
        ])
    func badHTTP(line: String) { #expect(problems("[http]\n" + line).count == 1) }

    @Test("a key that must be set and is not is named with its variable")
    func required() throws {
        let make = { (config: inout ConfigReader) -> String in
            config.section("main", "Main.")
            return config.string("name", default: nil, "Its name.")
        }
        #expect(
            throws: ConfigError(
                source: "a.conf",
                problems: [
                    ConfigProblem(
                        key: "main.name", problem: "must be set (or CUELIGHT_MAIN_NAME)", line: nil)
                ])
        ) { try ConfigReader.read("", path: "a.conf", make) }
        #expect(try ConfigReader.read("[main]\nname = x", path: nil, make) == "x")
    }

    @Test("a secret is read from a file of its own that others may not read")
    func secret() throws {
        let folder = try TemporaryFolder()
        try folder.write("hush hush\r\n", to: "key")
        let path = try folder.write("[http]\nkey_file = key\n", to: "main.conf")
        let config = try ConfigReader.load(path: path, environment: [:], Sample.init)
        #expect(config.key?.text == "hush hush")
        #expect(!String(describing: config).contains("hush"))
        #expect(!String(reflecting: config).contains("hush"))
        for (mode, text) in [(0o644, "hush"), (0o600, ""), (0o600, "\n")] as [(UInt32, String)] {
            try folder.write(text, to: "key", mode: mode)
            #expect(throws: ConfigError.self) {
                try ConfigReader.load(path: path, environment: [:], Sample.init)
            }
        }
    }

    @Test("a file that is not there, or too large, is an error of its path")
    func file() throws {
        let folder = try TemporaryFolder()
        #expect(throws: LinuxError.self) {
            try ConfigReader.load(path: folder.file("no"), environment: [:], Sample.init)
        }
        let large = try folder.write(String(repeating: "#", count: 1 << 21), to: "large")
        #expect(throws: LinuxError.self) {
            try ConfigReader.load(path: large, environment: [:], Sample.init)
        }
        _ = try ConfigReader.load(path: nil, environment: [:], Sample.init)
    }

    @Test("the sample names every key and, with its defaults switched on, reads as the defaults")
    func sample() throws {
        let text = ConfigReader.sample(Sample.init)
        #expect(text.hasPrefix("# What it is.\n# In two lines.\n[main]\n# Its name.\n"))
        #expect(text.contains("# body = 256KiB\n"))
        #expect(text.contains("# name = \"stage # one\"\n"))
        #expect(text.contains("# key_file =\n"))
        let active = text.split(separator: "\n").map { line in
            line.hasPrefix("# ") && line.contains(" = ") ? String(line.dropFirst(2)) : String(line)
        }
        let config = try read(active.joined(separator: "\n"))
        #expect(config.name == "stage # one")
        #expect(config.body == 262_144)
        #expect(config.wait == .seconds(10))
        #expect(config.origins == ["a", "b"])
        #expect(config.folder == "/var/lib/cuelight")
    }

    @Test("no text makes it trap")
    func hostile() {
        let pieces = [
            "[main]", "name", "=", "\"", "\\", "#", "\n", "\r", " ", "[", "]", "é", "\0", "1s",
        ]
        withSeeds(2000) { generator in
            let text = (0..<30).map { _ in
                pieces[Int.random(in: 0..<pieces.count, using: &generator)]
            }.joined()
            _ = problems(text)
        }
    }
}
