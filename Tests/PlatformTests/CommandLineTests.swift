import Testing

@testable import Platform

@Suite("Command line")
struct CommandLineTests {
    private let program = CommandLineProgram(
        name: "cue", version: "1.2", about: "moves a lamp.",
        commands: [
            .init(
                "light", "turn a lamp on", "Turns it on.",
                words: [.init("LAMP", "which one"), .init("ROOM", "where", isNeeded: false)],
                flags: [
                    .init("token", "TOKEN", "who asks", variable: "CUE_TOKEN", isNeeded: true),
                    .init("colour", "COLOUR", "", choices: ["red", "green"], standard: "red"),
                    .init("port", "PATH", "where it is plugged in", isRepeated: true),
                    .init("slowly", "take a second"),
                ]),
            .init("dark", "turn all lamps off", "Turns them off."),
        ], notes: "No exit codes.")

    private func flags(
        _ line: String, environment: [String: String] = ["CUE_TOKEN": "t"]
    ) throws -> CommandLineFlags {
        let arguments = line.split(separator: " ").map(String.init)
        guard case .run("light", let flags) = try program.read(arguments, environment: environment)
        else { throw UsageError("it was not run") }
        return flags
    }

    private func answer(_ arguments: String...) throws -> String? {
        guard case .answer(let text) = try program.read(arguments) else { return nil }
        return text
    }

    /// What is wrong with a line.
    private func problem(_ line: String) -> UsageError? {
        do {
            _ = try flags(line)
            return nil
        } catch { return error as? UsageError }
    }

    @Test("values stand after their flag or in it, and words anywhere")
    func values() throws {
        let flags = try flags(
            "light --token=a=b desk --port /1 --slowly --port=/2 - --colour green")
        #expect(flags["token"] == "a=b" && flags["colour"] == "green")
        #expect(flags.all("port") == ["/1", "/2"] && flags["port"] == "/1")
        #expect(flags.words == ["desk", "-"])
        let bare = try self.flags("light desk")
        #expect(flags.has("slowly") && !bare.has("slowly"))
    }

    @Test("after two dashes everything is a word, asking for help too")
    func words() throws {
        #expect(try flags("light -- --token --help").words == ["--token", "--help"])
        #expect(try flags("light desk --port -").all("port") == ["-"])
    }

    @Test("a flag wins over its variable, which wins over the standard value")
    func sources() throws {
        let flags = try flags("light desk --token mine", environment: ["CUE_TOKEN": "t", "A": "1"])
        #expect(flags["token"] == "mine" && flags["colour"] == "red")
        #expect(flags.overlaidEnvironment == ["CUE_TOKEN": "mine", "A": "1"])
        #expect(flags.flag(for: "CUE_TOKEN") == "token" && flags.flag(for: "A") == nil)
        let bare = try self.flags("light desk")
        #expect(bare["token"] == "t" && !bare.has("token") && bare.flag(for: "CUE_TOKEN") == nil)
    }

    @Test(
        "what is wrong is said by its name, with what was meant",
        arguments: [
            ("light desk --prot /1", "light has no flag --prot; did you mean --port?"),
            ("light desk -port /1", "light has no flag -port; did you mean --port?"),
            ("light desk --slow", "light has no flag --slow; did you mean --slowly?"),
            ("light desk --zzz=1", "light has no flag --zzz"),
            ("light desk --port", "--port needs a value, PATH"),
            ("light desk --port=", "--port needs a value, PATH"),
            ("light desk --port --slowly", "--port needs a value, PATH"),
            ("light desk --slowly=1", "--slowly takes no value"),
            ("light desk --slowly --slowly", "--slowly is given twice"),
            ("light desk --colour red --colour red", "--colour is given twice"),
            (
                "light desk --colour gren",
                "--colour must be one of red or green; did you mean green?"
            ),
            ("light", "light needs LAMP"),
            ("light a b c", "light does not take \"c\""),
            ("dark now", "dark does not take \"now\""),
            ("version 2", "version does not take \"2\""),
        ])
    func problems(_ line: String, _ message: String) {
        let command = line.split(separator: " ").first.map(String.init)
        #expect(problem(line) == UsageError(message, of: command))
    }

    @Test("all that is missing is told at once")
    func missing() {
        #expect(throws: UsageError("light needs LAMP and --token TOKEN", of: "light")) {
            try program.read(["light"])
        }
    }

    @Test(
        "a command that is not there is told with the nearest, and flags come after it",
        arguments: [
            ("lihgt", "there is no command \"lihgt\"; did you mean light?"),
            ("LIGHT", "there is no command \"LIGHT\"; did you mean light?"),
            ("zzz", "there is no command \"zzz\""),
            ("--slowly light", "the command comes first, then its flags: cue COMMAND --slowly"),
            ("help lihgt", "there is no command \"lihgt\"; did you mean light?"),
        ])
    func commands(_ line: String, _ message: String) {
        #expect(problem(line) == UsageError(message))
        #expect(problem(line)?.text(of: program) == "cue: \(message)\nTry: cue help\n")
    }

    @Test("help is given for every way of asking, whatever else is wrong")
    func help() throws {
        let overview = program.overview
        for arguments in [[], ["help"], ["--help"], ["-h"]] {
            guard case .answer(let text) = try program.read(arguments) else {
                Issue.record("\(arguments)")
                continue
            }
            #expect(text == overview)
        }
        let light = try #require(try answer("help", "light"))
        #expect(try answer("light", "--help") == light)
        #expect(try answer("light", "--bogus", "x", "-h") == light)
        #expect(try answer("--version") == "cue 1.2\n")
        #expect(try answer("version") == "cue 1.2\n")
    }

    @Test("the help of a command is what its declaration says")
    func helpText() throws {
        #expect(
            try answer("help", "light") == """
                Usage: cue light LAMP [ROOM] --token TOKEN [FLAGS]

                Turns it on.

                  LAMP              which one
                  ROOM              where
                  --token TOKEN     who asks [$CUE_TOKEN]
                  --colour COLOUR   red or green (red)
                  --port PATH       where it is plugged in; may be given several times
                  --slowly          take a second
                  -h, --help        print this

                """)
        #expect(
            program.overview == """
                cue: moves a lamp.

                Usage: cue COMMAND [FLAGS]

                  light     turn a lamp on
                  dark      turn all lamps off
                  version   print the release
                  help      print what a command does

                No exit codes.

                More of one command: cue help COMMAND

                """)
    }

    @Test("a long stray word is not repeated whole")
    func longWord() {
        let word = String(repeating: "x", count: 10_000)
        #expect((problem("light a b \(word)")?.message.count ?? .max) < 100)
        #expect((problem(word)?.message.count ?? .max) < 100)
        #expect((problem("light a --\(word)")?.message.count ?? .max) < 100)
    }
}

@Suite("Nearest name")
struct NearestNameTests {
    @Test(
        "a slip of the finger is found, another word is not",
        arguments: [
            ("stauts", "status"), ("statu", "status"), ("STATUS", "status"), ("doktor", "doctor"),
            ("d", "doctor"), ("pari", "pair"), ("r", nil), ("zebra", nil), ("", nil), ("-", nil),
        ])
    func find(_ typed: String, _ meant: String?) {
        let names = ["status", "doctor", "pair", "run", "rub"]
        #expect(NearestName.find(typed, among: names) == meant)
    }

    @Test("a distance is the same both ways, and a swap counts once")
    func distance() {
        func far(_ one: String, _ other: String) -> Int {
            NearestName.distance(Array(one), Array(other))
        }
        #expect(far("", "abc") == 3 && far("abc", "") == 3)
        #expect(far("kitten", "sitting") == 3 && far("sitting", "kitten") == 3)
        #expect(far("abcd", "acbd") == 1 && far("same", "same") == 0)
    }
}
