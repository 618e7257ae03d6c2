internal import CLinux
internal import Glibc
internal import Platform

/// A socket that accepts connections. Non-blocking, closed on exec.
struct ListeningSocket {
    let descriptor: Int32
    /// The address with the port that was really taken.
    let address: ListenAddress

    /// - Parameter sharesPort: others of this process will listen at the same port
    ///   (SO_REUSEPORT), each with a queue of its own.
    static func open(
        _ address: ListenAddress, sharesPort: Bool
    ) throws(LinuxError) -> ListeningSocket {
        switch address {
        case .tcp(let host, let port): try tcp(host, port, sharesPort: sharesPort)
        case .unix(let path): try unix(path)
        }
    }

    private static func tcp(
        _ host: String, _ port: UInt16, sharesPort: Bool
    ) throws(LinuxError) -> ListeningSocket {
        var storage = sockaddr_storage()
        guard let size = SocketAddress.fill(&storage, host: host, port: port) else {
            throw LinuxError("listen on \(host)", code: EINVAL)
        }
        let descriptor = try make(Int32(storage.ss_family))
        do throws(LinuxError) {
            try set(descriptor, SO_REUSEADDR)
            if sharesPort { try set(descriptor, SO_REUSEPORT) }
            let bound = withUnsafePointer(to: &storage) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) }
            }
            guard bound == 0, listen(descriptor, 1024) == 0 else {
                throw LinuxError.current("listen on \(host):\(port)")
            }
            let taken = SocketAddress.localPort(of: descriptor) ?? port
            return ListeningSocket(
                descriptor: descriptor, address: .tcp(host: host, port: taken))
        } catch {
            close(descriptor)
            throw error
        }
    }

    private static func unix(_ path: String) throws(LinuxError) -> ListeningSocket {
        var address = sockaddr_un()
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path), !bytes.isEmpty else {
            throw LinuxError("listen on \(path)", code: ENAMETOOLONG)
        }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        // A socket file that a dead process left would make bind fail for ever; any other file
        // is somebody's, and bind then says so.
        var status = stat()
        if lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK { unlink(path) }
        let descriptor = try make(AF_UNIX)
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) }
        }
        guard bound == 0, listen(descriptor, 1024) == 0 else {
            let error = LinuxError.current("listen on \(path)")
            close(descriptor)
            throw error
        }
        return ListeningSocket(descriptor: descriptor, address: .unix(path: path))
    }

    private static func make(_ family: Int32) throws(LinuxError) -> Int32 {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(family, kind, 0)
        guard descriptor >= 0 else { throw LinuxError.current("socket") }
        return descriptor
    }

    private static func set(_ descriptor: Int32, _ option: Int32) throws(LinuxError) {
        var on: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        guard setsockopt(descriptor, SOL_SOCKET, option, &on, size) == 0 else {
            throw LinuxError.current("setsockopt \(option)")
        }
    }
}
