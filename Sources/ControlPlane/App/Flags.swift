/// The flags of a command line: `--name value`, `--name=value`, and words without a dash.
struct Flags {
    private(set) var values: [String: String] = [:]
    private(set) var words: [String] = []
    private(set) var isHelp = false

    /// The flags that each command takes, with what they mean. A name in the second place is the
    /// configuration's key that the flag sets.
    static let known: [String: [(flag: String, key: String?, about: String)]] = {
        let start: [(flag: String, key: String?, about: String)] = [
            ("config", nil, "FILE        read this configuration file"),
            ("data", "data.folder", "FOLDER      where everything is kept"),
            (
                "listen", "http.listen",
                "ADDRESS     the API and the console, such as 127.0.0.1:8080"
            ),
            ("database", "database.url", "URL         a PostgreSQL of your own"),
            ("mqtt", "mqtt.url", "URL         a broker of your own"),
            ("mqtt-listen", "mqtt.listen", "ADDRESS     where the embedded broker takes agents"),
            ("broker-plugin", "mqtt.plugin", "FILE        the broker's authentication plugin"),
            ("log-level", "log.level", "LEVEL       debug, info, warning or error"),
        ]
        return [
            "up": start, "serve": start, "migrate": start, "check-config": start,
            "replay": [
                ("livestream", nil, "ID          the livestream to play into"),
                ("token", nil, "TOKEN       an access token of an operator of its workspace"),
                ("server", nil, "URL         the control plane (http://127.0.0.1:8080)"),
                ("speed", nil, "FACTOR      1 to 100 times as fast (1)"),
            ],
        ]
    }()

    init(_ arguments: [String], of command: String) throws {
        let allowed = Set((Self.known[command] ?? []).map(\.flag))
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
            guard allowed.contains(name) else {
                throw UsageError(
                    command: command, message: "\(command) has no flag \(argument)")
            }
            guard let value = parts.count == 2 ? String(parts[1]) : rest.popFirst() else {
                throw UsageError(command: command, message: "--\(name) needs a value")
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw UsageError(command: command, message: "--\(name) is given twice")
            }
        }
    }

    /// The flags as the configuration's environment variables, which they win over.
    func environment(over variables: [String: String], of command: String) -> [String: String] {
        var variables = variables
        for (flag, key, _) in Self.known[command] ?? [] {
            guard let key, let value = values[flag] else { continue }
            let name = key.replacing(".", with: "_").uppercased()
            variables["CUELIGHT_\(name)"] = value
        }
        return variables
    }
}
