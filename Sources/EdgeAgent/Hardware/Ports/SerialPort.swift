internal import Glibc
package import Platform

/// One serial port, opened for us alone: raw 8N1 without flow control, non-blocking, on an
/// event loop. Everything is called on the loop.
package final class SerialPort {
    /// Why a port could not be opened.
    package enum Problem: Error, Hashable, Sendable, CustomStringConvertible {
        case missing
        case notPermitted
        /// Another program holds it.
        case busy
        case notATerminal
        case baud(Int)
        case system(LinuxError)

        package var description: String {
            switch self {
            case .missing:
                "it is not there; plug the board in, or name its port (ls /dev/serial/by-id)"
            case .notPermitted: "no permission; add the agent's user to the group dialout"
            case .busy: "another program holds it (a serial monitor, ModemManager or brltty)"
            case .notATerminal: "it is not a serial port"
            case .baud(let baud): "\(baud) baud cannot be set"
            case .system(let error): error.description
            }
        }
    }

    package enum Limits {
        /// Bytes that wait for the line, at most: 350 ms at 115,200 baud. What does not fit
        /// means that the line is stuck, and closes the port.
        package static let outgoingMaxBytes = 4096
        static let readBytes = 4096
        /// Reads per turn of the loop, so that a babbling port does not starve the others.
        static let readsMax = 8
    }

    package let path: String
    private let loop: EventLoop
    private let descriptor: Int32
    private var watch: Watch?
    private var outgoing: [UInt8] = []
    private let received: ([UInt8]) -> Void
    private let closed: (String) -> Void

    /// Opens a port.
    /// - Parameters:
    ///   - received: called with what arrives.
    ///   - closed: called once, with a reason, if the port closes by itself.
    package init(
        path: String, baud: Int, loop: EventLoop, received: @escaping ([UInt8]) -> Void,
        closed: @escaping (String) -> Void
    ) throws(Problem) {
        loop.preconditionOnLoop()
        self.path = path
        self.loop = loop
        self.received = received
        self.closed = closed
        descriptor = try Self.open(path, baud: baud)
        do {
            watch = try loop.watch(descriptor, for: .readable) { [weak self] in self?.ready($0) }
        } catch {
            Self.release(descriptor)
            throw .system(error)
        }
    }

    deinit {
        guard let watch else { return }
        // The last owner may let go anywhere; watches belong to the loop.
        let left = Remains(watch: watch, descriptor: descriptor)
        loop.submit { left.close() }
    }

    private final class Remains: @unchecked Sendable {
        // Safe: nobody else has the watch any more, and it is used on its loop alone.
        private let watch: Watch
        private let descriptor: Int32

        init(watch: Watch, descriptor: Int32) {
            self.watch = watch
            self.descriptor = descriptor
        }

        func close() {
            watch.cancel()
            SerialPort.release(descriptor)
        }
    }

    /// Sends bytes, now if the line takes them. A stuck line closes the port.
    package func write(_ bytes: [UInt8]) {
        guard watch != nil else { return }
        guard outgoing.isEmpty else {
            guard outgoing.count + bytes.count <= Limits.outgoingMaxBytes else {
                return fail("the line does not take what is sent")
            }
            outgoing += bytes
            return
        }
        let written = push(bytes)
        guard written < bytes.count, watch != nil else { return }
        outgoing = Array(bytes.dropFirst(written))
        watch?.change(to: [.readable, .writable])
    }

    /// Sets the modem lines DTR and RTS, by which many boards are restarted; true means low on the
    /// line. Pseudo terminals have none, and nothing happens.
    package func setLines(dataTerminalReady: Bool, requestToSend: Bool) {
        guard watch != nil else { return }
        var lines: Int32 = 0
        guard ioctl(descriptor, UInt(TIOCMGET), &lines) == 0 else { return }
        lines = dataTerminalReady ? lines | TIOCM_DTR : lines & ~TIOCM_DTR
        lines = requestToSend ? lines | TIOCM_RTS : lines & ~TIOCM_RTS
        _ = ioctl(descriptor, UInt(TIOCMSET), &lines)
    }

    /// Closes the port; nobody is told.
    package func close() {
        guard let watch else { return }
        watch.cancel()
        self.watch = nil
        outgoing = []
        Self.release(descriptor)
    }

    private func ready(_ readiness: Readiness) {
        if readiness.contains(.writable), !outgoing.isEmpty {
            let written = push(outgoing)
            outgoing.removeFirst(written)
            if outgoing.isEmpty { watch?.change(to: .readable) }
        }
        guard !readiness.isDisjoint(with: [.readable, .hangUp]) else { return }
        let isEmpty = read()
        // What was sent before the hang-up has been read; nothing follows.
        if readiness.contains(.hangUp), isEmpty { fail("unplugged") }
    }

    /// Reads what is there; true if that was all.
    private func read() -> Bool {
        for _ in 0..<Limits.readsMax {
            guard watch != nil else { return true }
            var failure: String?
            let bytes = [UInt8](unsafeUninitializedCapacity: Limits.readBytes) { buffer, count in
                let size = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                count = max(0, size)
                if size == 0 { failure = "unplugged" }
                if size < 0, errno != EAGAIN, errno != EINTR {
                    failure = LinuxError.current("read").description
                }
            }
            if let failure {
                fail(failure)
                return true
            }
            if bytes.isEmpty { return true }
            received(bytes)
            if bytes.count < Limits.readBytes { return true }
        }
        return false
    }

    private func push(_ bytes: [UInt8]) -> Int {
        let size = Glibc.write(descriptor, bytes, bytes.count)
        if size >= 0 { return size }
        if errno != EAGAIN && errno != EINTR { fail(LinuxError.current("write").description) }
        return 0
    }

    private func fail(_ reason: String) {
        guard watch != nil else { return }
        close()
        closed(reason)
    }

    private static func open(_ path: String, baud: Int) throws(Problem) -> Int32 {
        guard let speed = speeds[baud] else { throw .baud(baud) }
        let descriptor = Glibc.open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else {
            switch errno {
            case ENOENT, ENXIO, ENODEV: throw .missing
            case EACCES, EPERM: throw .notPermitted
            case EBUSY: throw .busy
            default: throw .system(.current("open \(path)"))
            }
        }
        do throws(Problem) {
            try claim(descriptor)
        } catch {
            Glibc.close(descriptor)
            throw error
        }
        do throws(Problem) {
            try configure(descriptor, speed: speed)
        } catch {
            release(descriptor)
            throw error
        }
        return descriptor
    }

    /// TIOCEXCL keeps out who is not root, the lock who is and asks.
    private static func claim(_ descriptor: Int32) throws(Problem) {
        guard isatty(descriptor) == 1 else { throw .notATerminal }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            if errno == EWOULDBLOCK { throw .busy }
            throw .system(.current("flock"))
        }
        // Refused by some drivers; the lock still holds.
        _ = ioctl(descriptor, UInt(TIOCEXCL))
    }

    /// Gives back what `claim` took, also while a child that was just forked still has the
    /// descriptor: lock and exclusion would go with the last of its copies. An unplugged port
    /// refuses all of this, and nothing is left to do then.
    private static func release(_ descriptor: Int32) {
        _ = ioctl(descriptor, UInt(TIOCNXCL))
        _ = flock(descriptor, LOCK_UN)
        _ = Glibc.close(descriptor)
    }

    private static func configure(_ descriptor: Int32, speed: speed_t) throws(Problem) {
        var settings = termios()
        guard tcgetattr(descriptor, &settings) == 0 else { throw .system(.current("tcgetattr")) }
        cfmakeraw(&settings)
        settings.c_cflag |= tcflag_t(CREAD | CLOCAL)
        // Without HUPCL the board is not reset when the port closes.
        settings.c_cflag &= ~tcflag_t(HUPCL | CSTOPB | PARENB)
        settings.c_cflag &= ~tcflag_t(CRTSCTS)
        cfsetspeed(&settings, speed)
        guard tcsetattr(descriptor, TCSANOW, &settings) == 0 else {
            throw .system(.current("tcsetattr"))
        }
        // What stood in the buffers belongs to an earlier conversation.
        tcflush(descriptor, TCIOFLUSH)
    }

    /// Speeds that can be set, bits a second.
    package static var rates: [Int] { speeds.keys.sorted() }

    private static let speeds: [Int: speed_t] = [
        9600: speed_t(B9600), 19200: speed_t(B19200), 38400: speed_t(B38400),
        57600: speed_t(B57600), 115200: speed_t(B115200), 230400: speed_t(B230400),
        500000: speed_t(B500000), 1_000_000: speed_t(B1000000),
    ]
}
