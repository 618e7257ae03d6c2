import Glibc
import Platform
import TestSupport
import Testing

@Suite("Service notifier")
struct ServiceNotifierTests {
    /// A service manager's ear: a datagram socket at a path, or with a leading @ at an abstract
    /// name.
    private final class Ear {
        private let descriptor: Int32

        init(_ path: String) throws {
            descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { target in
                target.copyBytes(from: path.utf8)
                if path.hasPrefix("@") { target[0] = 0 }
            }
            // A path may be followed by zeros; an abstract name may not.
            let size =
                path.hasPrefix("@")
                ? MemoryLayout<sa_family_t>.size + path.utf8.count
                : MemoryLayout<sockaddr_un>.size
            let result = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(size))
                }
            }
            guard result == 0 else { throw LinuxError.current("bind \(path)") }
        }

        deinit { close(descriptor) }

        /// The next datagram, which is there already.
        var next: String? {
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
            return count < 0 ? nil : String(decoding: bytes.prefix(count), as: UTF8.self)
        }
    }

    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder("notify") }

    private func notifier(_ more: [String: String] = [:]) throws -> ServiceNotifier {
        let environment = ["NOTIFY_SOCKET": folder.file("ear")].merging(more) { $1 }
        return try #require(ServiceNotifier(environment: environment, processID: 42))
    }

    @Test("each state is an assignment, all of one telling in one datagram")
    func states() throws {
        let ear = try Ear(folder.file("ear"))
        let notifier = try notifier()
        try notifier.tell(.ready, .status("online; 2 of 2 boards armed"))
        try notifier.tell(.watchdog)
        try notifier.tell(.stopping)
        #expect(ear.next == "READY=1\nSTATUS=online; 2 of 2 boards armed")
        #expect(ear.next == "WATCHDOG=1")
        #expect(ear.next == "STOPPING=1")
        #expect(ear.next == nil)
    }

    @Test("a status cannot become another assignment, and is cut")
    func status() throws {
        let ear = try Ear(folder.file("ear"))
        try notifier().tell(.status("away\nSTOPPING=1\r\nMAINPID=1"))
        #expect(ear.next == "STATUS=away STOPPING=1 MAINPID=1")
        try notifier().tell(.status(String(repeating: "x", count: 10_000)))
        #expect(ear.next?.utf8.count == 7 + 512)
    }

    @Test("an abstract socket is spoken to by its name")
    func abstract() throws {
        let name = "@cuelight-notify-\(getpid())-\(UInt32.random(in: .min ... .max))"
        let ear = try Ear(name)
        try notifier(["NOTIFY_SOCKET": name]).tell(.ready)
        #expect(ear.next == "READY=1")
    }

    @Test("nobody wants to hear: there is no notifier")
    func none() {
        #expect(ServiceNotifier(environment: [:]) == nil)
        #expect(ServiceNotifier(environment: ["NOTIFY_SOCKET": ""]) == nil)
        #expect(ServiceNotifier(environment: ["NOTIFY_SOCKET": "vsock:2:1"]) == nil)
    }

    @Test(
        "the watchdog is the manager's, and only for the process it names",
        arguments: [
            ([:], nil), (["WATCHDOG_USEC": "15000000"], Duration.seconds(15)),
            (["WATCHDOG_USEC": "2000", "WATCHDOG_PID": "42"], Duration.milliseconds(2)),
            (["WATCHDOG_USEC": "2000", "WATCHDOG_PID": "43"], nil),
            (["WATCHDOG_USEC": "0"], nil), (["WATCHDOG_USEC": "-5"], nil),
            (["WATCHDOG_USEC": "soon"], nil), (["WATCHDOG_USEC": "99999999999999999999"], nil),
        ])
    func watchdog(environment: [String: String], period: Duration?) throws {
        #expect(try notifier(environment).watchdogPeriod == period)
    }

    @Test("a manager that is gone is an error, not an end, and a full one is not waited for")
    func gone() throws {
        let notifier = try notifier()
        #expect(throws: LinuxError.self) { try notifier.tell(.ready) }
        let ear = try Ear(folder.file("ear"))
        #expect(throws: LinuxError("notify \(folder.file("ear"))", code: EAGAIN)) {
            for _ in 0..<100_000 { try notifier.tell(.watchdog) }
        }
        #expect(ear.next == "WATCHDOG=1")
    }
}
