internal import Glibc
internal import Platform

/// Unix stream sockets by path, for the control socket.
enum UnixSocket {
    /// Listens at a path, for the owner alone. A socket left by a dead process is replaced.
    static func listen(_ path: String) throws(LinuxError) -> Int32 {
        unlink(path)
        let descriptor = try make(Int32(SOCK_NONBLOCK.rawValue))
        // bind makes the file with the permissions that the mask leaves.
        let mask = umask(0o077)
        let status = try withAddress(path) { bind(descriptor, $0, $1) }
        umask(mask)
        guard status == 0, Glibc.listen(descriptor, 8) == 0 else {
            let error = LinuxError.current("listen at \(path)")
            close(descriptor)
            throw error
        }
        return descriptor
    }

    /// Connects, blocking; each later read waits at most five seconds.
    static func connect(_ path: String) throws(LinuxError) -> Int32 {
        let descriptor = try make(0)
        var limit = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let status = try withAddress(path) { Glibc.connect(descriptor, $0, $1) }
        guard status == 0 else {
            let error = LinuxError.current("connect to \(path)")
            close(descriptor)
            throw error
        }
        return descriptor
    }

    private static func make(_ flags: Int32) throws(LinuxError) -> Int32 {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | flags
        let descriptor = socket(AF_UNIX, type, 0)
        guard descriptor >= 0 else { throw LinuxError.current("socket") }
        return descriptor
    }

    private static func withAddress(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws(LinuxError) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let isShort = withUnsafeMutableBytes(of: &address.sun_path) { buffer in
            guard path.utf8.count < buffer.count else { return false }
            buffer.copyBytes(from: path.utf8)
            return true
        }
        guard isShort else { throw LinuxError("use \(path) as a socket", code: ENAMETOOLONG) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
