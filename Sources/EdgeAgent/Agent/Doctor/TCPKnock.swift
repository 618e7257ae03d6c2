internal import Glibc
package import Platform

/// Opens and closes a TCP connection, to see whether somebody listens.
package enum TCPKnock {
    package enum Problem: Error, Hashable, Sendable, CustomStringConvertible {
        case unknownHost(String)
        case refused(LinuxError)

        package var description: String {
            switch self {
            case .unknownHost(let host): "unknown host \(host)"
            case .refused(let error): error.description
            }
        }
    }

    /// How long a connection may take, seconds.
    private static let limitSeconds = 5

    /// Tries each address of the host; throws why the last one failed.
    package static func knock(host: String, port: UInt16) async throws {
        let pool = try BlockingPool(name: "knock", threads: 1, waitingMax: 1)
        try await pool.run { try blocking(host: host, port: port) }
    }

    private static func blocking(host: String, port: UInt16) throws(Problem) {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &found) == 0 else {
            throw .unknownHost(host)
        }
        defer { freeaddrinfo(found) }
        var failure = Problem.unknownHost(host)
        var next = found
        while let address = next?.pointee {
            let descriptor = socket(
                address.ai_family, address.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), 0)
            guard descriptor >= 0 else { throw .refused(.current("socket")) }
            defer { close(descriptor) }
            // On Linux the limit for sending is the one for connecting, too.
            var limit = timeval(tv_sec: limitSeconds, tv_usec: 0)
            setsockopt(
                descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit,
                socklen_t(MemoryLayout<timeval>.size))
            if connect(descriptor, address.ai_addr, address.ai_addrlen) == 0 { return }
            failure = .refused(.current("connect"))
            next = address.ai_next
        }
        throw failure
    }
}
