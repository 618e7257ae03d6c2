internal import Glibc

/// What tells this machine from others.
package enum MachineID {
    /// Names one run of the kernel, and so one monotonic clock: stamps of `CLOCK_MONOTONIC` may be
    /// compared only where it is the same (`Trace.clock`). A UUID from
    /// `/proc/sys/kernel/random/boot_id`; empty if the kernel does not tell.
    package static let bootID: String = {
        // Without /proc nothing compares, which an empty name says.
        guard let bytes = try? SmallFile.read("/proc/sys/kernel/random/boot_id", sizeMax: 64)
        else { return "" }
        return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }()

    /// The machine's name, at most 64 bytes; `localhost` if it has none.
    package static var hostName: String {
        var name = [CChar](repeating: 0, count: 65)
        guard gethostname(&name, 64) == 0 else { return "localhost" }
        let text = String(
            decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return text.isEmpty ? "localhost" : text
    }
}
