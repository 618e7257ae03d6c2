internal import CLinux
internal import Glibc

/// Where a socket listens or connects to.
package enum SocketAddress: Hashable, Sendable, CustomStringConvertible {
    /// A numeric IPv4 or IPv6 address; port 0 takes a free one when listening.
    case ip(String, port: UInt16)
    /// A socket file.
    case unix(path: String)

    /// Reads `127.0.0.1:8080`, `[::1]:8080`, `*:8080` (all IPv4 addresses) or `unix:/path`. Nil for
    /// anything else; names are not looked up here (`HostName`).
    package init?(_ text: String) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            guard (1...107).contains(path.utf8.count), !path.utf8.contains(0) else { return nil }
            self = .unix(path: path)
            return
        }
        guard let colon = text.lastIndex(of: ":"),
            text[text.index(after: colon)...].utf8.allSatisfy({ (48...57).contains($0) }),
            let port = UInt16(text[text.index(after: colon)...])
        else { return nil }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
            guard host.contains(":") else { return nil }
        } else {
            guard !host.contains(":") else { return nil }
            if host == "*" { host = "0.0.0.0" }
        }
        guard Self.isNumeric(host) else { return nil }
        self = .ip(host, port: port)
    }

    package var description: String {
        switch self {
        case .ip(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }

    /// Whether the text is an IPv4 or IPv6 address.
    package static func isNumeric(_ host: String) -> Bool {
        var space = in6_addr()
        return inet_pton(AF_INET, host, &space) == 1 || inet_pton(AF_INET6, host, &space) == 1
    }
}

/// Stream sockets for an event loop: all are non-blocking and close-on-exec. The descriptors
/// are the caller's to close.
package enum Socket {
    /// Listens.
    /// - Parameters:
    ///   - backlog: connections that may wait to be accepted.
    ///   - sharesPort: several listeners take turns (`SO_REUSEPORT`), one for each loop.
    ///   - mode: of a unix socket's file. One that nobody listens on is replaced.
    package static func listen(
        _ address: SocketAddress, backlog: Int32 = 1024, sharesPort: Bool = false,
        mode: UInt32 = 0o600
    ) throws(LinuxError) -> Int32 {
        switch address {
        case .ip(let host, let port):
            try checked(
                "listen on \(address)", cue_listen_ip(host, port, backlog, sharesPort ? 1 : 0))
        case .unix(let path):
            try checked("listen on \(address)", cue_listen_unix(path, mode, backlog))
        }
    }

    /// Begins to connect. It is through, or has failed, once the descriptor is writable: ask
    /// `connectResult` then.
    package static func connect(_ address: SocketAddress) throws(LinuxError) -> Int32 {
        switch address {
        case .ip(let host, let port):
            try checked("connect to \(address)", cue_connect_ip(host, port))
        case .unix(let path): try checked("connect to \(address)", cue_connect_unix(path))
        }
    }

    /// How a connect ended.
    package static func connectResult(_ descriptor: Int32) throws(LinuxError) {
        _ = try checked("connect", cue_connect_result(descriptor))
    }

    /// Accepts one connection; nil if none waits. Throws, among others, EMFILE: then nothing can
    /// be accepted until descriptors are closed, though the listener stays readable.
    package static func accept(_ listener: Int32) throws(LinuxError) -> Int32? {
        while true {
            let result = cue_accept(listener)
            if result >= 0 { return result }
            switch -result {
            case EAGAIN: return nil
            // The peer was gone before it was accepted; there may be another.
            case EINTR, ECONNABORTED: continue
            default: throw LinuxError("accept", code: -result)
            }
        }
    }

    /// The port that a listener or connection is bound to.
    package static func localPort(_ descriptor: Int32) throws(LinuxError) -> UInt16 {
        let port = try checked("getsockname", cue_local_port(descriptor))
        return UInt16(truncatingIfNeeded: port)
    }

    /// Sends small writes at once (`TCP_NODELAY`). Does nothing on a unix socket.
    package static func setNoDelay(_ descriptor: Int32) throws(LinuxError) {
        let result = cue_set_no_delay(descriptor)
        guard result != -EOPNOTSUPP else { return }
        _ = try checked("TCP_NODELAY", result)
    }

    /// The other end; nil for a unix socket.
    package static func peer(_ descriptor: Int32) throws(LinuxError) -> SocketAddress? {
        var text = [CChar](repeating: 0, count: Int(CUE_ADDRESS_SIZE))
        var port: UInt16 = 0
        _ = try checked("getpeername", cue_peer(descriptor, &text, text.count, &port))
        let host = String(
            decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard !host.isEmpty else { return nil }
        // An IPv4 peer of a socket for both families.
        let isMapped = host.hasPrefix("::ffff:") && host.contains(".")
        return .ip(isMapped ? String(host.dropFirst(7)) : host, port: port)
    }
}
