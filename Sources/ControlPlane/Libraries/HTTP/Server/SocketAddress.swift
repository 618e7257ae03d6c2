internal import Glibc

/// Numeric addresses of sockets. No names are looked up here.
enum SocketAddress {
    /// Writes an IPv4 or IPv6 address; returns its size, or nil if `host` is neither.
    static func fill(_ storage: inout sockaddr_storage, host: String, port: UInt16) -> socklen_t? {
        var four = in_addr()
        if inet_pton(AF_INET, host, &four) == 1 {
            let address = sockaddr_in(
                sin_family: sa_family_t(AF_INET), sin_port: port.bigEndian, sin_addr: four,
                sin_zero: (0, 0, 0, 0, 0, 0, 0, 0))
            withUnsafeMutableBytes(of: &storage) {
                $0.storeBytes(of: address, as: sockaddr_in.self)
            }
            return socklen_t(MemoryLayout<sockaddr_in>.size)
        }
        var six = in6_addr()
        guard inet_pton(AF_INET6, host, &six) == 1 else { return nil }
        let address = sockaddr_in6(
            sin6_family: sa_family_t(AF_INET6), sin6_port: port.bigEndian, sin6_flowinfo: 0,
            sin6_addr: six, sin6_scope_id: 0)
        withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: address, as: sockaddr_in6.self) }
        return socklen_t(MemoryLayout<sockaddr_in6>.size)
    }

    static func localPort(of descriptor: Int32) -> UInt16? {
        read(descriptor, getsockname)?.port
    }

    /// The peer's address as text; nil for unix sockets.
    static func peer(of descriptor: Int32) -> String? { read(descriptor, getpeername)?.host }

    private static func read(
        _ descriptor: Int32,
        _ call: (Int32, UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<socklen_t>?) -> Int32
    ) -> (host: String, port: UInt16)? {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let status = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { call(descriptor, $0, &size) }
        }
        guard status == 0 else { return nil }
        return withUnsafeBytes(of: &storage) { bytes in
            switch Int32(bytes.load(as: sockaddr.self).sa_family) {
            case AF_INET:
                let address = bytes.load(as: sockaddr_in.self)
                var host = address.sin_addr
                return (text(AF_INET, &host), UInt16(bigEndian: address.sin_port))
            case AF_INET6:
                let address = bytes.load(as: sockaddr_in6.self)
                var host = address.sin6_addr
                return (text(AF_INET6, &host), UInt16(bigEndian: address.sin6_port))
            default: return nil
            }
        }
    }

    private static func text(_ family: Int32, _ address: UnsafeRawPointer) -> String {
        let text = withUnsafeTemporaryAllocation(
            of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)
        ) { buffer in
            inet_ntop(family, address, buffer.baseAddress, socklen_t(buffer.count))
                .map { String(cString: $0) } ?? ""
        }
        // An IPv4 peer of a socket for both families.
        return text.hasPrefix("::ffff:") && text.contains(".") ? String(text.dropFirst(7)) : text
    }
}
