/// Reads the configuration of an executable from one file (`ConfigText` says its form) and from
/// `CUELIGHT_<SECTION>_<KEY>` variables, which win, into typed values.
///
/// An executable declares its keys by asking for them, in one initialiser:
///
/// ```
/// struct ServeConfig {
///     let address: SocketAddress
///     init(_ config: inout ConfigReader) {
///         config.section("http", "The API and the pages.")
///         address = config.address("address", default: .ip("127.0.0.1", port: 8080), "Where to listen.")
///     }
/// }
/// let config = try ConfigReader.load(path: path, environment: variables, ServeConfig.init)
/// print(ConfigReader.sample(ServeConfig.init))
/// ```
///
/// A bad value is noted and the default taken in its place, so that all problems are told at
/// once; `load` then throws, and nobody sees the value.
package struct ConfigReader {
    private let text: ConfigText
    private let environment: [String: String]
    /// What a relative path in the file is relative to; nil for the working directory.
    private let folder: String?
    private var sectionName = ""
    private var declared: Set<String> = []
    private var problems: [ConfigProblem]
    private var sampleText = ""

    private static let prefix = "CUELIGHT_"

    /// Where a value came from.
    struct Found {
        let value: String
        /// As problems name it.
        let key: String
        let line: Int?
    }

    private init(_ text: String, folder: String?, environment: [String: String]) {
        self.text = ConfigText(text)
        self.folder = folder
        self.environment = environment.filter { $0.key.hasPrefix(Self.prefix) }
        problems = self.text.problems
    }

    /// Reads a file; nil reads the environment alone. Throws `ConfigError`, or `LinuxError` for a
    /// file that cannot be read.
    package static func load<Config>(
        path: String?, environment: [String: String], _ make: (inout ConfigReader) -> Config
    ) throws -> Config {
        let bytes = try path.map { path throws(LinuxError) in
            try SmallFile.read(path, sizeMax: ConfigText.sizeMax)
        }
        return try read(
            String(decoding: bytes ?? [], as: UTF8.self), path: path, environment: environment,
            make)
    }

    /// The same for a text that is at hand.
    /// - Parameter path: what problems name, and by whose folder relative paths go.
    package static func read<Config>(
        _ text: String, path: String?, environment: [String: String] = [:],
        _ make: (inout ConfigReader) -> Config
    ) throws(ConfigError) -> Config {
        var reader = ConfigReader(
            text, folder: path.map(Self.folder(of:)), environment: environment)
        let config = make(&reader)
        reader.noteUnknown()
        guard reader.problems.isEmpty else {
            let sorted = reader.problems.sorted { ($0.line ?? .max) < ($1.line ?? .max) }
            throw ConfigError(source: path ?? "configuration", problems: sorted)
        }
        return config
    }

    /// A commented file with every key and its default.
    package static func sample<Config>(_ make: (inout ConfigReader) -> Config) -> String {
        var reader = ConfigReader("", folder: nil, environment: [:])
        _ = make(&reader)
        return reader.sampleText
    }

    /// Begins a section: the keys that follow are its own.
    package mutating func section(_ name: String, _ about: String) {
        precondition(ConfigText.isName(name), "not the name of a section: \(name)")
        sectionName = name
        sampleText += (sampleText.isEmpty ? "" : "\n") + Self.comment(about) + "[\(name)]\n"
    }

    /// Notes that a value of this section will not do, such as one that does not go with another.
    package mutating func refuse(_ name: String, _ problem: String) {
        let key = "\(sectionName).\(name)"
        let variable = Self.variable(of: key)
        let isVariable = environment[variable] != nil
        problems.append(
            ConfigProblem(
                key: isVariable ? variable : key, problem: problem,
                line: isVariable ? nil : text.entries[key]?.line))
    }

    /// Declares a key and finds its value. All typed readers go through here.
    /// - Parameters:
    ///   - shown: the default as the file would write it; nil if the key must be set.
    ///   - isOptional: without a default, and yet not required.
    mutating func find(_ name: String, shown: String?, isOptional: Bool = false, _ about: String)
        -> Found?
    {
        precondition(ConfigText.isName(name), "not the name of a key: \(name)")
        precondition(!sectionName.isEmpty, "\(name) needs a section")
        let key = "\(sectionName).\(name)"
        let variable = Self.variable(of: key)
        precondition(
            !declared.contains { Self.variable(of: $0) == variable }, "\(key) is declared twice")
        declared.insert(key)
        sampleText += Self.comment(about)
        sampleText +=
            shown.map { "# \(name) = \($0)\n" }
            ?? (isOptional ? "# \(name) =\n" : "\(name) =   # must be set\n")
        if let value = environment[variable] {
            return Found(value: value, key: variable, line: nil)
        }
        if let entry = text.entries[key] {
            return Found(value: entry.value, key: key, line: entry.line)
        }
        if shown == nil && !isOptional {
            problems.append(
                ConfigProblem(key: key, problem: "must be set (or \(variable))", line: nil))
        }
        return nil
    }

    /// Notes that a found value will not do.
    mutating func note(_ found: Found, _ problem: String) {
        problems.append(ConfigProblem(key: found.key, problem: problem, line: found.line))
    }

    /// A path as the program will use it: a relative one in the file goes from the file's folder.
    func resolve(_ found: Found) -> String {
        guard let folder, found.line != nil, !found.value.hasPrefix("/") else {
            return found.value
        }
        return "\(folder)/\(found.value)"
    }

    private mutating func noteUnknown() {
        for (key, entry) in text.entries where !declared.contains(key) {
            let section = key.prefix { $0 != "." } + "."
            let isSection = declared.contains { $0.hasPrefix(section) }
            let hint = NearestName.hint(of: key, among: declared.sorted())
            let problem =
                isSection ? "is not a key" : "is not a key: no section \(section.dropLast())"
            problems.append(ConfigProblem(key: key, problem: problem + hint, line: entry.line))
        }
    }

    /// The environment variable that sets a key, `section.key`.
    package static func variable(of key: String) -> String {
        prefix + key.uppercased().replacing(".", with: "_")
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "" : String(path[..<slash])
    }

    private static func comment(_ text: String) -> String {
        text.split(separator: "\n").map { "# \($0)\n" }.joined()
    }
}
