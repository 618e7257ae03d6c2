internal import Glibc

/// Whole files of bounded size, read and replaced at once: configuration, keys, state. Blocks
/// for as long as the disk does.
package enum SmallFile {
    /// The contents. Throws EFBIG if there are more than `sizeMax` bytes, EISDIR for a folder.
    package static func read(_ path: String, sizeMax: Int) throws(LinuxError) -> [UInt8] {
        let file = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw .current("open \(path)") }
        defer { close(file) }
        return try read(descriptor: file, path, sizeMax: sizeMax)
    }

    /// The contents of a file that its owner alone may read. Throws EACCES if the group or
    /// others may, or if it belongs to another user than this one or root.
    package static func readSecret(_ path: String, sizeMax: Int) throws(LinuxError) -> [UInt8] {
        let file = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw .current("open \(path)") }
        defer { close(file) }
        var found = stat()
        guard fstat(file, &found) == 0 else { throw .current("stat \(path)") }
        guard found.st_mode & 0o077 == 0 else {
            throw LinuxError("\(path) may be read by others (chmod 600)", code: EACCES)
        }
        guard found.st_uid == geteuid() || found.st_uid == 0 else {
            throw LinuxError("\(path) belongs to another user", code: EACCES)
        }
        return try read(descriptor: file, path, sizeMax: sizeMax)
    }

    /// Writes the file anew so that a reader, or a power cut, finds the old or the new contents
    /// and nothing between.
    /// - Parameter mode: of the new file, whatever the old one had.
    package static func replace(
        _ path: String, with bytes: some Collection<UInt8>, mode: UInt32 = 0o600
    ) throws(LinuxError) {
        let temporary = "\(path).\(getpid()).\(UInt32.random(in: .min ... .max)).new"
        let file = Glibc.open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode_t(mode))
        guard file >= 0 else { throw .current("create \(temporary)") }
        do throws(LinuxError) {
            defer { close(file) }
            // The mode at creation is cut by the umask.
            guard fchmod(file, mode_t(mode)) == 0 else { throw .current("chmod \(temporary)") }
            try write(Array(bytes), to: file, temporary)
            guard fsync(file) == 0 else { throw .current("fsync \(temporary)") }
            guard rename(temporary, path) == 0 else { throw .current("rename to \(path)") }
        } catch {
            unlink(temporary)
            throw error
        }
        try syncFolder(of: path)
    }

    private static func read(descriptor: Int32, _ path: String, sizeMax: Int) throws(LinuxError)
        -> [UInt8]
    {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: min(max(sizeMax, 0) + 1, 65536))
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw .current("read \(path)")
            }
            guard count > 0 else { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= sizeMax else {
                throw LinuxError("\(path) has more than \(sizeMax) bytes", code: EFBIG)
            }
        }
    }

    private static func write(_ bytes: [UInt8], to file: Int32, _ path: String)
        throws(LinuxError)
    {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw .current("write \(path)")
            }
            rest = rest.dropFirst(count)
        }
    }

    /// A rename lasts once its folder is on disk.
    private static func syncFolder(of path: String) throws(LinuxError) {
        let folder: String
        if let slash = path.lastIndex(of: "/") {
            folder = slash == path.startIndex ? "/" : String(path[..<slash])
        } else {
            folder = "."
        }
        let descriptor = Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .current("open \(folder)") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .current("fsync \(folder)") }
    }
}
