/// The command line says something that no command understands.
struct UsageError: Error {
    let command: String
    let message: String
}

/// The flags of a command: `--name value`, `--name=value`, and words without a dash.
struct Flags {
    /// What a flag takes.
    struct Known {
        let name: String
        /// Empty for a flag without a value.
        let value: String
        let about: String
        let isRepeated: Bool

        init(_ name: String, _ value: String, _ about: String, isRepeated: Bool = false) {
            self.name = name
            self.value = value
            self.about = about
            self.isRepeated = isRepeated
        }
    }

    private(set) var values: [String: [String]] = [:]
    private(set) var words: [String] = []
    private(set) var isHelp = false

    private static let stateFolder = Known(
        "state-dir", "FOLDER", "who this agent is, its key and journal")

    static let known: [String: [Known]] = [
        "pair": [
            Known("server", "URL", "the control plane, such as https://cue.example.org"),
            Known("token", "TOKEN", "the agent token from the console; \"-\" reads it from input"),
            Known("name", "NAME", "what the console calls this computer (its host name)"),
            Known("force", "", "replace an earlier pairing"),
            stateFolder,
        ],
        "run": [
            Known("port", "PATH", "a serial port; may be given several times", isRepeated: true),
            Known("no-usb", "", "use the named ports alone"),
            Known("baud", "RATE", "speed of the serial ports (115200)"),
            Known("broker-ca", "FILE", "trust this authority for the broker's TLS"),
            Known("log-level", "LEVEL", "debug, info, warning or error (info)"),
            stateFolder,
        ],
        "status": [Known("json", "", "everything, for programs"), stateFolder],
        "doctor": [
            Known("port", "PATH", "look at this port too", isRepeated: true), stateFolder,
        ],
        "version": [],
    ]

    init(_ arguments: [String], of command: String) throws {
        let allowed = Self.known[command] ?? []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("-"), argument != "-" else {
                words.append(argument)
                continue
            }
            if argument == "--help" || argument == "-h" {
                isHelp = true
                continue
            }
            let parts = argument.drop { $0 == "-" }.split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts.first ?? "")
            guard let flag = allowed.first(where: { $0.name == name }) else {
                throw UsageError(command: command, message: "\(command) has no flag \(argument)")
            }
            let value: String
            if flag.value.isEmpty {
                guard parts.count == 1 else {
                    throw UsageError(command: command, message: "--\(name) takes no value")
                }
                value = ""
            } else if let given = parts.count == 2 ? String(parts[1]) : rest.popFirst() {
                value = given
            } else {
                throw UsageError(command: command, message: "--\(name) needs a value")
            }
            if !flag.isRepeated, values[name] != nil {
                throw UsageError(command: command, message: "--\(name) is given twice")
            }
            values[name, default: []].append(value)
        }
    }

    subscript(_ name: String) -> String? { values[name]?.first }
    func has(_ name: String) -> Bool { values[name] != nil }
    func all(_ name: String) -> [String] { values[name] ?? [] }
}
