import Platform
import Testing

@testable import cuelight

@Suite("Command line of cuelight")
struct CommandLineTests {
    private func flags(_ line: String) throws -> CommandLineFlags {
        let arguments = line.split(separator: " ").map(String.init)
        guard case .run(_, let flags) = try Cuelight.commandLine.read(arguments) else {
            throw UsageError("it was not run")
        }
        return flags
    }

    @Test("each flag of up sets its key of the configuration")
    func settings() throws {
        let settings = try StartCommand.settings(
            try flags(
                """
                up --data /d --listen 127.0.0.1:81 --database postgresql:///x --mqtt unix:/b \
                --mqtt-listen 127.0.0.1:82 --broker-plugin /p.so --log-level error
                """))
        #expect(settings.folder == "/d" && settings.brokerPlugin == "/p.so")
        #expect(settings.listen == .ip("127.0.0.1", port: 81))
        #expect(settings.brokerListen == .ip("127.0.0.1", port: 82))
        #expect(settings.databaseURL == "postgresql:///x" && settings.brokerURL == "unix:/b")
        #expect(settings.logLevel == .error)
    }

    @Test("a problem with what a flag set is told by the flag's name")
    func problem() throws {
        let flags = try flags("check-config --listen nowhere")
        let error = #expect(throws: ConfigError.self) { try StartCommand.settings(flags) }
        #expect(error?.problems.map(\.key) == ["--listen"])
    }

    @Test("each command of the list has help that names all of its flags")
    func help() throws {
        for command in Cuelight.commandLine.commands {
            let text = Cuelight.commandLine.help(of: command)
            #expect(command.flags.allSatisfy { text.contains("--\($0.name)") })
            #expect(text.split(separator: "\n").allSatisfy { $0.count <= 110 }, "\(command.name)")
        }
    }
}
