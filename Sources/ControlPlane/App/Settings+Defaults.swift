internal import Glibc
internal import Platform

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
