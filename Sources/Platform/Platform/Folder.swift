internal import Glibc

/// Folders of the file system.
package enum Folder {
    /// Makes a folder, and those above it that are missing, which are for everybody to pass
    /// unless `isPrivate`. One that is there gets the mode, too.
    package static func make(
        _ path: String, mode: UInt32, isPrivate: Bool = false
    ) throws(LinuxError) {
        var built = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            built += "/\(part)"
            guard mkdir(built, isPrivate ? 0o700 : 0o755) == 0 || errno == EEXIST else {
                throw .current("make \(built)")
            }
        }
        guard chmod(path, mode_t(mode)) == 0 else { throw .current("chmod \(path)") }
    }

    /// The path from the root; a relative one goes from the working directory.
    package static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let here = getcwd(nil, 0) else { return path }
        defer { free(here) }
        return "\(String(cString: here))/\(path)"
    }
}
