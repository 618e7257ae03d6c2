internal import Glibc

/// An address to connect to.
struct ResolvedAddress: @unchecked Sendable {
    // Safe: a plain value; `sockaddr_storage` is only not marked.

    private var storage = sockaddr_storage()
    private var size: socklen_t = 0

    /// An address written in digits; nil for a name. Never waits.
    static func numeric(_ host: String, port: UInt16) -> ResolvedAddress? {
        find(host, port: port, flags: AI_NUMERICHOST | AI_NUMERICSERV).first
    }

    /// All addresses of a name. Waits for name servers.
    static func lookUp(_ host: String, port: UInt16) -> [ResolvedAddress] {
        find(host, port: port, flags: AI_NUMERICSERV | AI_ADDRCONFIG)
    }

    /// Begins to connect a new non-blocking socket. Returns it, or −errno.
    func connect() -> Int32 {
        let kind =
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
            | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(Int32(storage.ss_family), kind, 0)
        guard descriptor >= 0 else { return -errno }
        let status = withUnsafePointer(to: storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, size)
            }
        }
        guard status == 0 || errno == EINPROGRESS else {
            let code = errno
            close(descriptor)
            return -code
        }
        return descriptor
    }

    private static func find(_ host: String, port: UInt16, flags: Int32) -> [ResolvedAddress] {
        var hints = addrinfo()
        hints.ai_flags = flags
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [ResolvedAddress] = []
        var next = list
        while let entry = next, found.count < 8 {
            var address = ResolvedAddress()
            let size = Int(entry.pointee.ai_addrlen)
            if let source = entry.pointee.ai_addr, size <= MemoryLayout<sockaddr_storage>.size {
                withUnsafeMutableBytes(of: &address.storage) {
                    $0.copyMemory(from: UnsafeRawBufferPointer(start: source, count: size))
                }
                address.size = socklen_t(size)
                found.append(address)
            }
            next = entry.pointee.ai_next
        }
        return found
    }
}
