internal import Platform

extension Cuelight {
    /// What the program understands.
    static let commandLine = CommandLineProgram(
        name: "cuelight", version: Release.version,
        about: "viewers cue, hardware acts. The control plane.",
        commands: [
            .init(
                "up", "run everything on this machine",
                """
                Runs the control plane with a PostgreSQL and a Mosquitto of its own, unless the
                configuration names servers. Everything is kept in the data folder. Ctrl-C stops
                it all.
                """, flags: configuration),
            .init(
                "serve", "run the control plane on servers of your own",
                """
                As `up`, but refuses to start unless database.url and mqtt.url are set, and does
                not migrate the database: run `cuelight migrate` first.
                """, flags: configuration),
            .init(
                "migrate", "bring the database to this version's schema",
                "Applies what is missing, in order. Any number of processes may do it at once.",
                flags: configuration),
            .init(
                "replay", "play a recorded LIVE into a livestream",
                """
                Reads a capture (docs/webcast.md), or a file of recorded messages as JSON lines,
                and feeds its frames to the control plane at their own pace or faster.
                """, words: [.init("FILE", "the recording")], flags: replay),
            .init(
                "openapi", "print the API's description",
                "Prints the OpenAPI 3.1 document of this version."),
            .init(
                "check-config", "check the configuration, and print a sample of it",
                """
                Reads the configuration as `up` would and tells every problem. If there is none,
                prints a commented sample file with every key and its default.
                """, flags: configuration),
        ],
        notes: """
            A flag wins over the environment variable in brackets, which wins over the file.
            Exit codes: 0 done, 1 failed, 64 the command line was not understood, 130 stopped
            before the end (replay).
            """)

    private static let configuration: [CommandLineProgram.Flag] = [
        .init("config", "FILE", "read this configuration file"),
        key("data.folder", "data", "FOLDER", "where everything is kept"),
        key(
            "http.listen", "listen", "ADDRESS", "the API and the console, such as 127.0.0.1:8080"),
        key("database.url", "database", "URL", "a PostgreSQL of your own"),
        key("mqtt.url", "mqtt", "URL", "a broker of your own"),
        key("mqtt.listen", "mqtt-listen", "ADDRESS", "where the embedded broker takes agents"),
        key("mqtt.plugin", "broker-plugin", "FILE", "the broker's authentication plugin"),
        key(
            "log.level", "log-level", "LEVEL", "the least that is logged",
            choices: Settings.Level.allCases.map(\.rawValue)),
    ]

    private static let replay: [CommandLineProgram.Flag] = [
        .init(
            "livestream", "ID", "the livestream to play into", variable: "CUELIGHT_LIVESTREAM",
            isNeeded: true),
        .init(
            "token", "TOKEN", "an access token of an operator of its workspace",
            variable: "CUELIGHT_TOKEN", isNeeded: true),
        .init("server", "URL", "the control plane", standard: "http://127.0.0.1:8080"),
        .init("speed", "FACTOR", "1 to 100 times as fast", standard: "1"),
    ]

    /// A flag that sets a key of the configuration, through the key's environment variable.
    private static func key(
        _ key: String, _ name: String, _ value: String, _ about: String, choices: [String] = []
    ) -> CommandLineProgram.Flag {
        .init(name, value, about, choices: choices, variable: ConfigReader.variable(of: key))
    }
}
