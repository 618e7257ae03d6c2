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
                "release", "let a board out of quarantine",
                """
                A board that restarted three times within a minute by itself is put out of use:
                disarmed, its commands refused. This lets it work again, as do ten minutes without
                a restart. Look at its power supply first.
                """,
                words: [.init("BOARD", "its identity, 16 hexadecimal digits as in status")],
                flags: [stateFolder]),
            .init(
                "boards", "the boards of the running agent, and their links",
                """
                Lists each board with its port, firmware and state; how many requests its link
                has sent, sent again and found damaged, and how long a round trip takes.
                """, flags: [.init("json", "everything, for programs"), stateFolder]),
            .init(
                "logs", "show the log in words",
                """
                Shows the log of the service (journalctl), of a file, or of the standard input
                (-), one line each: time, level, who speaks, what, and the details.
                """,
                words: [.init("FILE", "the log; - for the standard input", isNeeded: false)],
                flags: logs),
            .init(
                "simulate", "be a board without hardware",
                """
                Runs the firmware on this computer, its serial port a pseudo-terminal, until it
                is stopped. What its pins do is written as one JSON object a line.
                """, flags: simulate),
            .init(
                "completions", "print a shell's completions of this program",
                "Prints a script; the package has installed it already.",
                words: [
                    .init(
                        "SHELL", "whose", choices: CommandLineProgram.Shell.allCases.map(\.rawValue)
                    )
                ]),
            .init(
                "manual", "print the manual page",
                "Prints it in man(7): cuelight-agent manual --date 2026-11-20 | man -l -",
                flags: [.init("date", "DATE", "of the release, as 2026-11-20", isNeeded: true)]),
            .init(
                "flash", "put firmware on a board",
                """
                Finds the board and its firmware, keeps the former image, writes, verifies, and
                waits until the new firmware says that it runs; if it does not, the former image
                is put back. A running agent lets go of the port meanwhile.
                """, flags: flash),
            .init(
                "wired-stop", "say whether a wired E-stop is fitted to a board",
                """
                A board that has an input for a wired E-stop (a normally closed contact to ground)
                heeds it once it was told that it is there; it keeps that over power-off. Then an
                open circuit switches every output off, and the board cannot be armed until it is
                closed. A running agent lets go of the port meanwhile; the board's outputs go off.
                """,
                words: [.init("STATE", "whether it is there", choices: ["on", "off"])],
                flags: [
                    .init("port", "DEVICE", "the board's serial port; else the only one"),
                    stateFolder,
                ]),
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
            problem, 6 the journal is of a newer release, 7 flash refused the board or the image and
            wrote nothing, 8 flash put the former firmware back, 9 flash --resume is needed, 10
            boards.json will not do, 64 the command line was not understood.
            """)

    private static let stateFolder = CommandLineProgram.Flag(
        "state-dir", "FOLDER", "who this agent is, its key and journal")

    private static let flash: [CommandLineProgram.Flag] = [
        .init("port", "PATH", "where the board is; else the only port there is"),
        .init("board", "NAME", "what the board is or shall be; else what it says itself"),
        .init("images", "FOLDER", "the firmware images with their index.json"),
        .init("image", "FILE", "this image instead (.hex or .bin)"),
        .init("again", "flash even if the board runs this build already"),
        .init("list", "print which firmware there is"),
        .init("resume", "end a flashing that was cut off"), stateFolder,
    ]

    private static let pair: [CommandLineProgram.Flag] = [
        .init(
            "server", "URL", "the control plane, such as https://cue.example.org", isNeeded: true),
        .init(
            "token", "TOKEN", "the agent token from the console; \"-\" reads it from input",
            isNeeded: true),
        .init("name", "NAME", "what the console calls this computer; else its host name"),
        .init("force", "replace an earlier pairing"), stateFolder,
    ]

    private static let logs: [CommandLineProgram.Flag] = [
        .init("follow", "go on with what comes"),
        .init("lines", "COUNT", "how many of the latest", standard: "100"),
        .init(
            "level", "LEVEL", "the least that is shown",
            choices: Log.Level.allCases.map { "\($0)" }, standard: "debug"),
        .init("unit", "NAME", "the service", standard: "cuelight-agent.service"),
    ]

    private static let simulate: [CommandLineProgram.Flag] = [
        .init("link", "PATH", "where the port appears; else simulated-board in the state folder"),
        .init("events", "FILE", "what the pins do; - for the screen", standard: "-"),
        .init("frames", "write down the frames of the link too"),
        .init("eeprom", "FILE", "what the board remembers; else beside the port"),
        .init("uid", "DIGITS", "who the board is, 16 hexadecimal digits; else by chance, once"),
        stateFolder,
    ]

    private static let run: [CommandLineProgram.Flag] = [
        .init("port", "PATH", "a serial port besides those found on USB", isRepeated: true),
        .init("no-usb", "use the named ports alone"),
        .init(
            "allow-port", "PATTERN",
            "open only USB ports like this: /dev/ttyACM*, or 2341:* by USB",
            isRepeated: true),
        .init("deny-port", "PATTERN", "never open USB ports like this", isRepeated: true),
        .init(
            "port-watch", "WAY", "how boards are noticed that come and go",
            choices: PortWatcher.Choice.allCases.map(\.rawValue),
            standard: PortWatcher.Choice.auto.rawValue),
        .init(
            "baud", "RATE", "speed", choices: SerialPort.rates.map(String.init),
            standard: "115200"),
        .init(
            "boards", "FILE",
            "boards without our firmware: Firmata, GPIO; else boards.json in the state folder"),
        .init("images", "FOLDER", "firmware that the console may flash; else the package's"),
        .init("broker-ca", "FILE", "trust this authority for the broker's TLS"),
        .init(
            "log-level", "LEVEL", "the least that is logged",
            choices: Log.Level.allCases.map { "\($0)" }, standard: "info"), stateFolder,
    ]
}
