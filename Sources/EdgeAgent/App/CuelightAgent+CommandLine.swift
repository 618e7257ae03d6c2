internal import Hardware
internal import Platform

extension CuelightAgent {
    /// What the program understands.
    static let commandLine = CommandLineProgram(
        name: "cuelight-agent", version: Release.version,
        about: "the boards of a stage, driven by its viewers.",
        commands: [
            .init(
                "pair", "join a workspace",
                """
                Makes a key of this computer's own, and joins the workspace that made the agent
                token. A token works once. The key never leaves the state folder.
                """, flags: pair),
            .init(
                "run", "drive the boards",
                """
                Connects to the broker and to every board that is plugged in, now or later, and
                does what it is told until it is stopped (Ctrl-C, SIGTERM). Stopping disarms the
                boards: their outputs go to their safe values.
                """, flags: run),
            .init(
                "status", "how the running agent and its boards are",
                "Asks the agent that runs with the same state folder.",
                flags: [.init("json", "everything, for programs"), stateFolder]),
            .init(
                "doctor", "find what is wrong, and what to do",
                """
                Looks at the state folder, the pairing, the server and the broker, the clock, the
                serial ports and who else uses them, the disk, and the running agent: its boards,
                its links, and why a channel would refuse a command now.
                """,
                words: [
                    .init(
                        "REASON", "explain this word of a command's outcome instead",
                        isNeeded: false)
                ],
                flags: [
                    .init("port", "PATH", "look at this port too", isRepeated: true), stateFolder,
                ]
            ),
        ],
        notes: """
            The state folder is $STATE_DIRECTORY, /var/lib/cuelight-agent for root, or
            ~/.local/state/cuelight-agent, unless --state-dir names another.

            Exit codes: 0 done, 1 failed, 3 not paired, 4 not running, 5 doctor found a
            problem, 64 the command line was not understood.
            """)

    private static let stateFolder = CommandLineProgram.Flag(
        "state-dir", "FOLDER", "who this agent is, its key and journal")

    private static let pair: [CommandLineProgram.Flag] = [
        .init(
            "server", "URL", "the control plane, such as https://cue.example.org", isNeeded: true),
        .init(
            "token", "TOKEN", "the agent token from the console; \"-\" reads it from input",
            isNeeded: true),
        .init("name", "NAME", "what the console calls this computer; else its host name"),
        .init("force", "replace an earlier pairing"), stateFolder,
    ]

    private static let run: [CommandLineProgram.Flag] = [
        .init("port", "PATH", "a serial port besides those found on USB", isRepeated: true),
        .init("no-usb", "use the named ports alone"),
        .init(
            "baud", "RATE", "speed", choices: SerialPort.rates.map(String.init),
            standard: "115200"),
        .init("broker-ca", "FILE", "trust this authority for the broker's TLS"),
        .init(
            "log-level", "LEVEL", "the least that is logged",
            choices: Log.Level.allCases.map { "\($0)" }, standard: "info"), stateFolder,
    ]
}
