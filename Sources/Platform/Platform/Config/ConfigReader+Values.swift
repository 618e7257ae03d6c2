extension ConfigReader {
    /// Any text; the empty one counts as set.
    package mutating func string(_ key: String, default value: String?, _ about: String)
        -> String
    {
        find(key, shown: value.map(Self.quote), about)?.value ?? value ?? ""
    }

    /// A text that may be missing.
    package mutating func optionalString(_ key: String, _ about: String) -> String? {
        find(key, shown: nil, isOptional: true, about)?.value
    }

    /// A whole number within a range.
    package mutating func integer(
        _ key: String, default value: Int?, in range: ClosedRange<Int>, _ about: String
    ) -> Int {
        read(
            key, value, show: { String($0) },
            "\(about) From \(range.lowerBound) to \(range.upperBound).",
            expected: "a whole number from \(range.lowerBound) to \(range.upperBound)"
        ) {
            Int($0).flatMap { range.contains($0) ? $0 : nil }
        } ?? range.lowerBound
    }

    /// `true`, `yes` and `on`, or `false`, `no` and `off`.
    package mutating func boolean(_ key: String, default value: Bool, _ about: String) -> Bool {
        read(key, value, show: { String($0) }, about, expected: "true or false") {
            switch $0 {
            case "true", "yes", "on": true
            case "false", "no", "off": false
            default: nil
            }
        } ?? value
    }

    /// A TCP port.
    package mutating func port(_ key: String, default value: UInt16?, _ about: String) -> UInt16 {
        read(key, value, show: { String($0) }, about, expected: "a port from 1 to 65535") {
            UInt16($0).flatMap { $0 > 0 ? $0 : nil }
        } ?? 0
    }

    /// Where to listen or connect: `127.0.0.1:8080`, `[::1]:8080`, `*:8080` or `unix:/path`.
    package mutating func address(_ key: String, default value: SocketAddress?, _ about: String)
        -> SocketAddress
    {
        read(
            key, value, show: { "\($0)" }, about,
            expected: "an address such as 127.0.0.1:8080, [::1]:8080, *:8080 or unix:/path"
        ) { SocketAddress($0) } ?? value ?? .unix(path: "")
    }

    /// A stretch of time such as `250ms`, `10s`, `5m`, `2h` or `7d`.
    package mutating func duration(
        _ key: String, default value: Duration?, in range: ClosedRange<Duration>, _ about: String
    ) -> Duration {
        let bounds =
            "\(ConfigUnits.text(range.lowerBound)) to \(ConfigUnits.text(range.upperBound))"
        return read(
            key, value, show: ConfigUnits.text, "\(about) From \(bounds).",
            expected: "a time from \(bounds), such as 250ms, 10s, 5m, 2h or 7d"
        ) {
            ConfigUnits.duration($0).flatMap { range.contains($0) ? $0 : nil }
        } ?? range.lowerBound
    }

    /// A number of bytes such as `512`, `256KiB`, `10MiB` or `2GiB`.
    package mutating func size(
        _ key: String, default value: Int?, in range: ClosedRange<Int>, _ about: String
    ) -> Int {
        let bounds =
            "\(ConfigUnits.text(range.lowerBound)) to \(ConfigUnits.text(range.upperBound))"
        return read(
            key, value, show: ConfigUnits.text, "\(about) From \(bounds).",
            expected: "a size from \(bounds), such as 512, 256KiB, 10MiB or 2GiB"
        ) {
            ConfigUnits.size($0).flatMap { range.contains($0) ? $0 : nil }
        } ?? range.lowerBound
    }

    /// One of a few words: the cases of an enum.
    package mutating func choice<Choice: RawRepresentable & CaseIterable>(
        _ key: String, default value: Choice, _ about: String
    ) -> Choice where Choice.RawValue == String {
        let words = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        return read(
            key, value, show: { $0.rawValue }, "\(about) One of \(words).",
            expected: "one of \(words)"
        ) { Choice(rawValue: $0) } ?? value
    }

    /// Texts with commas between them; an empty value is an empty list. At most 256.
    package mutating func list(_ key: String, default value: [String], _ about: String)
        -> [String]
    {
        read(
            key, value, show: { $0.joined(separator: ", ") }, about,
            expected: "at most 256 values with commas between them"
        ) { text in
            if text.isEmpty { return [] }
            let parts = text.split(separator: ",", omittingEmptySubsequences: false)
                .map { ConfigText.trim($0) }
            return parts.count <= 256 && parts.allSatisfy { !$0.isEmpty } ? parts : nil
        } ?? value
    }

    /// A path; a relative one in the file goes from the file's folder.
    package mutating func path(_ key: String, default value: String?, _ about: String) -> String {
        guard let found = find(key, shown: value.map(Self.quote), about) else {
            return value ?? ""
        }
        return readPath(found) ?? ""
    }

    /// A path that may be missing.
    package mutating func optionalPath(_ key: String, _ about: String) -> String? {
        find(key, shown: nil, isOptional: true, about).flatMap { readPath($0) }
    }

    /// A secret that must be there. It stands in a file of its own, which only its owner may
    /// read, and the key, which ends with `_file`, says where. A line end after it is left out.
    package mutating func secret(_ key: String, _ about: String) -> Secret {
        readSecret(key, isOptional: false, about) ?? Secret([])
    }

    /// A secret that may be missing.
    package mutating func optionalSecret(_ key: String, _ about: String) -> Secret? {
        readSecret(key, isOptional: true, about)
    }

    private mutating func readPath(_ found: Found) -> String? {
        if found.value.isEmpty || found.value.utf8.contains(0) {
            note(found, "expected a path")
            return nil
        }
        return resolve(found)
    }

    private mutating func readSecret(_ key: String, isOptional: Bool, _ about: String) -> Secret? {
        precondition(key.hasSuffix("_file"), "the key of a secret ends with _file: \(key)")
        let full = about + "\nThe path of a file that its owner alone may read (chmod 600)."
        guard let found = find(key, shown: nil, isOptional: isOptional, full),
            let path = readPath(found)
        else { return nil }
        do throws(LinuxError) {
            let bytes = try SmallFile.readSecret(path, sizeMax: Secret.sizeMax)
            let secret = Secret(trimming: bytes)
            if secret.bytes.isEmpty { note(found, "\(path) is empty") }
            return secret
        } catch {
            note(found, "\(error)")
            return nil
        }
    }

    /// Finds and parses; what cannot be parsed is noted, without being repeated if it is long.
    private mutating func read<Value>(
        _ key: String, _ value: Value?, show: (Value) -> String, _ about: String,
        expected: String, parse: (String) -> Value?
    ) -> Value? {
        guard let found = find(key, shown: value.map(show), about) else { return value }
        if let parsed = parse(found.value) { return parsed }
        let shown = found.value.count <= 60 ? " instead of \(Self.quoted(found.value))" : ""
        note(found, "expected \(expected)\(shown)")
        return value
    }

    /// As the file must write it.
    private static func quote(_ value: String) -> String {
        let isPlain =
            !value.isEmpty && !value.contains("#") && !value.hasPrefix("\"")
            && ConfigText.trim(value) == value
        return isPlain ? value : quoted(value)
    }

    private static func quoted(_ value: String) -> String {
        "\"" + value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}
