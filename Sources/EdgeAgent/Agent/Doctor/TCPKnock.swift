internal import Glibc
internal import Platform

/// Opens and closes a TCP connection, to see whether somebody listens.
package enum TCPKnock {
    /// How long a connection may take.
    private static let limitMilliseconds: Int32 = 5000

    /// Tries each address of the host. Throws why the last one failed, or `HostName.Problem`.
    package static func knock(host: String, port: UInt16) async throws {
        let names = try HostName(threads: 1, waitingMax: 1)
        let addresses = try await names.addresses(of: host, port: port)
        let pool = try BlockingPool(name: "knock", threads: 1, waitingMax: 1)
        try await pool.run {
            var failure = LinuxError("connect to \(host)", code: EADDRNOTAVAIL)
            for address in addresses {
                do throws(LinuxError) { return try knock(address) } catch { failure = error }
            }
            throw failure
        }
    }

    private static func knock(_ address: SocketAddress) throws(LinuxError) {
        let descriptor = try Socket.connect(address)
        defer { close(descriptor) }
        var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard poll(&wanted, 1, limitMilliseconds) > 0 else {
            throw LinuxError("connect to \(address)", code: ETIMEDOUT)
        }
        try Socket.connectResult(descriptor)
    }
}
