/// What the program says of itself.
enum Help {
    static func text(of command: String) -> String {
        guard let about = commands.first(where: { $0.name == command }) else { return overview }
        var text = "cuelight-agent \(about.usage)\n\n\(about.long)\n"
        let flags = Flags.known[command] ?? []
        if !flags.isEmpty { text += "\n" }
        for flag in flags {
            let name = "--\(flag.name) \(flag.value)"
            let gap = String(repeating: " ", count: max(1, 22 - name.count))
            text += "  \(name)\(gap)\(flag.about)\n"
        }
        return text
    }

    private static var overview: String {
        var text = """
            cuelight-agent: the boards of a stage, driven by its viewers.

            Usage: cuelight-agent COMMAND [FLAGS]


            """
        for command in commands {
            let gap = String(repeating: " ", count: max(1, 12 - command.name.count))
            text += "  \(command.name)\(gap)\(command.short)\n"
        }
        return text + """

            The state folder is $STATE_DIRECTORY, /var/lib/cuelight-agent for root, or
            ~/.local/state/cuelight-agent, unless --state-dir names another.

            Exit codes: 0 done, 1 failed, 3 not paired, 4 not running, 5 doctor found a
            problem, 64 the command line was not understood.
            More of one command: cuelight-agent help COMMAND

            """
    }

    private static let commands: [(name: String, usage: String, short: String, long: String)] = [
        (
            "pair", "pair --server URL --token TOKEN [FLAGS]", "join a workspace",
            """
            Makes a key of this computer's own, and joins the workspace that made the agent
            token. A token works once. The key never leaves the state folder.
            """
        ),
        (
            "run", "run [FLAGS]", "drive the boards",
            """
            Connects to the broker and to every board that is plugged in, now or later, and
            does what it is told until it is stopped (Ctrl-C, SIGTERM). Stopping disarms the
            boards: their outputs go to their safe values.
            """
        ),
        (
            "status", "status [FLAGS]", "how the running agent and its boards are",
            "Asks the agent that runs with the same state folder."
        ),
        (
            "doctor", "doctor [REASON] [FLAGS]", "find what is wrong, and what to do",
            """
            Looks at the state folder, the pairing, the server and the broker, the clock, the
            serial ports and who else uses them, the disk, and the running agent: its boards,
            its links, and why a channel would refuse a command now. With a REASON, the word
            in a command's outcome, it explains that word.
            """
        ),
        ("version", "version", "the release", "Prints the release and ends."),
    ]
}
