/// What the program says of itself.
enum Help {
    static func text(of command: String) -> String {
        guard let about = commands.first(where: { $0.name == command }) else { return overview }
        var text = "cuelight \(about.usage)\n\n\(about.long)\n"
        let flags = Flags.known[command] ?? []
        if !flags.isEmpty { text += "\n" }
        for flag in flags {
            let name = "--\(flag.flag)"
            text +=
                "  \(name)\(String(repeating: " ", count: max(1, 18 - name.count)))\(flag.about)\n"
        }
        return text
    }

    private static var overview: String {
        var text = """
            cuelight: viewers cue, hardware acts. The control plane.

            Usage: cuelight COMMAND [FLAGS]


            """
        for command in commands {
            let gap = String(repeating: " ", count: max(1, 15 - command.name.count))
            text += "  \(command.name)\(gap)\(command.short)\n"
        }
        return text + "\nMore of one: cuelight help COMMAND\n"
    }

    private static let commands: [(name: String, usage: String, short: String, long: String)] = [
        (
            "up", "up [FLAGS]", "run everything on this machine",
            """
            Runs the control plane with a PostgreSQL and a Mosquitto of its own, unless the
            configuration names servers. Everything is kept in the data folder. Ctrl-C stops it all.
            """
        ),
        (
            "serve", "serve [FLAGS]", "run the control plane on servers of your own",
            """
            As `up`, but refuses to start unless database.url and mqtt.url are set, and does not
            migrate the database: run `cuelight migrate` first.
            """
        ),
        (
            "migrate", "migrate [FLAGS]", "bring the database to this version's schema",
            "Applies what is missing, in order. Any number of processes may do it at once."
        ),
        (
            "replay", "replay FILE --livestream ID --token TOKEN [FLAGS]",
            "play a recorded LIVE into a livestream",
            """
            Reads a capture (docs/webcast.md), or a file of recorded messages as JSON lines, and
            feeds its frames to the control plane at their own pace or faster.
            """
        ),
        (
            "openapi", "openapi", "print the API's description",
            "Prints the OpenAPI 3.1 document of this version."
        ),
        (
            "check-config", "check-config [FLAGS]", "check the configuration, and print it",
            "Reads the configuration as `up` would, tells every problem, and prints a sample file."
        ),
        ("version", "version", "print the version", "Prints the version."),
        ("help", "help [COMMAND]", "print this", "Prints what a command does."),
    ]
}
