import Glibc
import Hardware
import Platform
import Synchronization
import TestSupport
import Testing

/// On a pseudo terminal, whose other end the test holds.
@Suite("Serial port")
struct SerialPortTests {
    @Test("what is written arrives, what arrives is told, and a hang-up is told once")
    func carries() async throws {
        let line = try Line()
        let port = try await line.open()
        await line.onLoop { port.value?.write([1, 2, 3]) }
        #expect(try await line.read(3) == [1, 2, 3])
        #expect(write(line.master, [9, 8] as [UInt8], 2) == 2)
        await eventually("two bytes") { line.received == [9, 8] }
        line.hangUp()
        await eventually("the hang-up") { line.ends == ["unplugged"] }
    }

    @Test("one opens it at a time, until it is closed")
    func exclusive() async throws {
        let line = try Line()
        let first = try await line.open()
        await #expect(throws: SerialPort.Problem.busy) { try await line.open() }
        await line.onLoop { first.value?.close() }
        let second = try await line.open()
        await line.onLoop { second.value?.close() }
        #expect(line.ends.isEmpty)
    }

    @Test("it is free at once, also while a child between fork and exec has a copy")
    func freeBesideAFork() async throws {
        let line = try Line()
        let first = try await line.open()
        let copy = try #require(OpenDescriptor.copy(of: line.path))
        defer { close(copy) }
        await line.onLoop { first.value?.close() }
        let second = try await line.open()
        await line.onLoop { second.value?.close() }
    }

    @Test("what is missing, no terminal or too fast is refused with the reason")
    func refusals() async throws {
        let line = try Line()
        await #expect(throws: SerialPort.Problem.missing) { try await line.open(line.path + "0") }
        await #expect(throws: SerialPort.Problem.notATerminal) { try await line.open("/dev/null") }
        await #expect(throws: SerialPort.Problem.baud(7)) { try await line.open(baud: 7) }
    }
}

/// A pseudo terminal and a loop for its port.
private final class Line: Sendable {
    let path: String
    let master: Int32
    private let loop: EventLoop
    private let state = Mutex<(received: [UInt8], ends: [String], isOpen: Bool)>(([], [], true))

    var received: [UInt8] { state.withLock { $0.received } }
    var ends: [String] { state.withLock { $0.ends } }

    /// A port that only its loop touches.
    struct Held: @unchecked Sendable {
        // Safe: `value` is used in `onLoop` alone.
        let value: SerialPort?
    }

    init() throws {
        loop = try EventLoop.start(name: "line")
        master = Glibc.open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        // TIOCSPTLCK and TIOCGPTN of ioctl_tty(2), which are macros that Swift does not see.
        var (number, unlocked): (UInt32, Int32) = (0, 0)
        try #require(ioctl(master, 0x4004_5431, &unlocked) == 0)
        try #require(ioctl(master, 0x8004_5430, &number) == 0)
        path = "/dev/pts/\(number)"
    }

    deinit {
        loop.stop()
        hangUp()
    }

    func hangUp() {
        let wasOpen = state.withLock { state in
            defer { state.isOpen = false }
            return state.isOpen
        }
        if wasOpen { close(master) }
    }

    func onLoop<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            loop.submit { continuation.resume(returning: body()) }
        }
    }

    func open(_ other: String? = nil, baud: Int = 115_200) async throws -> Held {
        let path = other ?? path
        let (loop, state) = (loop, self)
        return try await onLoop { () -> Result<Held, any Error> in
            Result {
                Held(
                    value: try SerialPort(
                        path: path, baud: baud, loop: loop,
                        received: { bytes in state.state.withLock { $0.received += bytes } },
                        closed: { reason in state.state.withLock { $0.ends.append(reason) } }))
            }
        }.get()
    }

    func read(_ count: Int) async throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var size = 0
        while size < count {
            let part = bytes.withUnsafeMutableBytes {
                Glibc.read(master, $0.baseAddress! + size, count - size)
            }
            try #require(part > 0)
            size += part
        }
        return bytes
    }
}
