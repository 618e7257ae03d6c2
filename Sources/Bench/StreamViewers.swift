import CLinux
import Foundation
import Platform
import Synchronization

/// Many connections that read a stream and note how old each message is when it arrives.
final class StreamViewers: @unchecked Sendable {
    // Safe: `watches` and `descriptors` are used on the loop alone; the rest is behind a mutex.

    enum Problem: Error { case connect, notOpen }

    private struct Seen {
        var open = 0
        var delaysNanoseconds: [Int64] = []
    }

    private let loop: EventLoop
    private let count: Int
    private let seen = Mutex(Seen())
    private var descriptors: [Int32] = []
    private var watches: [Watch] = []

    init(count: Int, port: UInt16, path: String, isSocket: Bool) throws {
        self.count = count
        loop = try EventLoop.start(name: "viewers")
        let upgrade =
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        let request = "GET \(path) HTTP/1.1\r\nHost: a\r\n\(isSocket ? upgrade : "")\r\n"
        for _ in 0..<count { descriptors.append(try Self.connect(port, request)) }
        loop.submit { self.watchAll() }
    }

    func waitUntilOpen() async throws {
        for _ in 0..<1000 {
            if seen.withLock({ $0.open }) == count { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw Problem.notOpen
    }

    /// How many messages came, and how old one in a hundred was at least, milliseconds.
    func delays() -> (count: Int, p99: Double) {
        let sorted = seen.withLock { $0.delaysNanoseconds }.sorted()
        guard !sorted.isEmpty else { return (0, 0) }
        return (sorted.count, Double(sorted[sorted.count * 99 / 100]) / 1e6)
    }

    func close() {
        loop.submit {
            for watch in self.watches { watch.cancel() }
            for descriptor in self.descriptors { Glibc.close(descriptor) }
            self.watches = []
        }
        loop.stop()
    }

    private func watchAll() {
        for descriptor in descriptors {
            var isOpen = false
            let watch = try? loop.watch(descriptor, for: .readable) { [self] _ in
                isOpen = read(descriptor, isOpen)
            }
            // A descriptor that cannot be watched shows as a missing viewer.
            if let watch { watches.append(watch) }
        }
    }

    private func read(_ descriptor: Int32, _ isOpen: Bool) -> Bool {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16_384) { buffer in
            let size = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            guard size > 0 else { return isOpen }
            let now = cue_monotonic_ns()
            seen.withLock { seen in
                if !isOpen { seen.open += 1 }
                Self.times(buffer[..<size]) { seen.delaysNanoseconds.append(now - $0) }
            }
            return true
        }
    }

    /// The numbers behind `"t":`.
    private static func times(
        _ bytes: Slice<UnsafeMutableBufferPointer<UInt8>>, _ body: (Int64) -> Void
    ) {
        var index = bytes.startIndex
        while index + 4 < bytes.endIndex {
            guard bytes[index] == 0x22, bytes[index + 1] == 0x74, bytes[index + 2] == 0x22 else {
                index += 1
                continue
            }
            index += 4
            var number: Int64 = 0
            while index < bytes.endIndex, (0x30...0x39).contains(bytes[index]) {
                number = number &* 10 &+ Int64(bytes[index] - 0x30)
                index += 1
            }
            body(number)
        }
    }

    private static func connect(_ port: UInt16, _ request: String) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in(
            sin_family: sa_family_t(AF_INET), sin_port: port.bigEndian,
            sin_addr: in_addr(s_addr: UInt32(0x7F00_0001).bigEndian),
            sin_zero: (0, 0, 0, 0, 0, 0, 0, 0))
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, 16)
            }
        }
        guard status == 0, send(descriptor, request, request.utf8.count, 0) > 0 else {
            throw Problem.connect
        }
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        return descriptor
    }
}
