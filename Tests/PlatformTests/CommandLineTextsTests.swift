import Testing

@testable import Platform

@Suite("Texts from a command line's declaration")
struct CommandLineTextsTests {
    private let program = CommandLineProgram(
        name: "cue-lamp", version: "1.2", about: "moves a lamp",
        commands: [
            .init(
                "light", "it's on: [now]", ".TH is no request here, nor \\fB, nor 'this'.",
                words: [.init("COLOUR", "which", choices: ["red", "green"])],
                flags: [
                    .init("port", "PATH", "where it is", isRepeated: true),
                    .init("folder", "FOLDER", "what it knows"),
                    .init("level", "LEVEL", "how bright", choices: ["low", "high"]),
                    .init("slowly", "take a second"),
                ])
        ], notes: "First.\n\nSecond.")

    @Test("a word that is none of the choices is refused, with what was meant")
    func choices() throws {
        let error = #expect(throws: UsageError.self) { try program.read(["light", "gren"]) }
        #expect(error?.message == "COLOUR must be one of red or green; did you mean green?")
        #expect(error?.command == "light")
        guard case .run("light", let flags) = try program.read(["light", "green"]) else {
            Issue.record("it was not run")
            return
        }
        #expect(flags.words == ["green"])
    }

    @Test("every shell's script has every command, flag and choice")
    func complete() {
        for shell in CommandLineProgram.Shell.allCases {
            let script = program.completions(for: shell)
            for word in ["light", "version", "help", "port", "folder", "level", "slowly"] {
                #expect(script.contains(word), "\(word) in \(shell)")
            }
            #expect(script.contains("low high") && script.contains("red green"), "\(shell)")
        }
    }

    @Test("what a shell or roff would read as its own is written out")
    func escapes() {
        #expect(program.completions(for: .fish).contains(#"-d 'it\'s on: [now]'"#))
        #expect(program.completions(for: .zsh).contains(#"'light:it'\''s on"#))
        #expect(program.completions(for: .bash).contains("complete -F _cue_lamp cue-lamp"))
        let page = program.manual(section: 1, date: "2026-01-02", sections: [])
        #expect(page.contains(#"\&.TH is no request here, nor \efB, nor \(aqthis\(aq."#))
    }

    @Test("the manual page has all that help says, and the prose behind it")
    func manual() {
        let page = program.manual(
            section: 8, date: "2026-01-02",
            sections: [.init("Files", ["Some text:\n    cue-lamp light\nand more."])])
        #expect(page.hasPrefix(#".TH CUE\-LAMP 8 2026-01-02 "Cuelight 1.2" "Cuelight""#))
        #expect(page.contains(#"\fB\-\-level\fR \fILEVEL\fR"# + "\nhow bright: low or high\n"))
        #expect(page.contains(#"\fICOLOUR\fR"# + "\nwhich: red or green\n"))
        #expect(
            page.contains(".SH FILES\nSome text:\n.PP\n.nf\n.RS 4\ncue\\-lamp light\n.RE\n.fi\nand")
        )
        #expect(page.hasSuffix(".SH NOTES\nFirst.\n.PP\nSecond.\n"))
        #expect(page.split(separator: "\n").allSatisfy { $0.count <= 80 })
    }
}
