internal import CLinux

/// Looks up host names through the machine's resolver, which blocks, on threads of its own.
package final class HostName: Sendable {
    package struct Problem: Error, Equatable, Sendable, CustomStringConvertible {
        package let host: String
        package let reason: String
        package var description: String { "look up \(host): \(reason)" }
    }

    private let pool: BlockingPool

    /// - Parameters:
    ///   - threads: lookups at once.
    ///   - waitingMax: how many more may wait.
    package init(threads: Int, waitingMax: Int) throws(LinuxError) {
        pool = try BlockingPool(name: "resolver", threads: threads, waitingMax: waitingMax)
    }

    /// The addresses of a host, at most 16, in the order in which to try them. A numeric address is
    /// its own answer. Throws `Problem`, `BlockingPool.Problem` or `CancellationError`.
    package func addresses(of host: String, port: UInt16) async throws -> [SocketAddress] {
        if SocketAddress.isNumeric(host) { return [.ip(host, port: port)] }
        guard (1...253).contains(host.utf8.count), !host.utf8.contains(0) else {
            throw Problem(host: host, reason: "not a host name")
        }
        return try await pool.run { try Self.lookUp(host).map { .ip($0, port: port) } }
    }

    private static func lookUp(_ host: String) throws(Problem) -> [String] {
        let capacity = 16
        let size = Int(CUE_ADDRESS_SIZE)
        var texts = [CChar](repeating: 0, count: capacity * size)
        let count = cue_resolve(host, &texts, Int32(capacity))
        guard count >= 0 else {
            throw Problem(host: host, reason: String(cString: cue_resolve_problem(count)))
        }
        var addresses: [String] = []
        for index in 0..<Int(count) {
            let text = texts[index * size..<(index + 1) * size].prefix { $0 != 0 }
            let address = String(decoding: text.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if !addresses.contains(address) { addresses.append(address) }
        }
        return addresses
    }
}
