internal import Glibc

extension Settings {
    /// `/var/lib/cuelight` for root, whose home others may not enter; else in the home folder.
    static var defaultFolder: String {
        if getuid() == 0 { return "/var/lib/cuelight" }
        if let folder = Environment.variables["XDG_DATA_HOME"], folder.hasPrefix("/") {
            return folder + "/cuelight"
        }
        return (Environment.variables["HOME"] ?? "/var/tmp") + "/.local/share/cuelight"
    }

    /// Beside the program as `make release` leaves it, else where a package puts it.
    static var defaultPlugin: String {
        let installed = "/usr/lib/cuelight/cuelight_auth.so"
        guard let program = Environment.programPath,
            let slash = program.lastIndex(of: "/")
        else { return installed }
        var folder = program[..<slash]
        // .build/<platform>/<configuration>/cuelight; the plugin is in .build/broker.
        for _ in 0..<3 {
            let candidate = "\(folder)/broker/cuelight_auth.so"
            if access(candidate, R_OK) == 0 { return candidate }
            guard let up = folder.lastIndex(of: "/") else { break }
            folder = folder[..<up]
        }
        return installed
    }
}

/// What the process was started with.
enum Environment {
    static let variables: [String: String] = {
        var variables: [String: String] = [:]
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            if let equals = text.firstIndex(of: "=") {
                variables[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            next += 1
        }
        return variables
    }()

    /// The path of this program's file; nil if the kernel does not tell.
    static var programPath: String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        guard count > 0 else { return nil }
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
