internal import Glibc

/// The name of this machine's monotonic clock.
package enum MachineClock {
    /// The kernel's boot id: stamps of processes with the same one can be compared. Empty if the
    /// kernel does not tell.
    package static var bootID: String {
        let file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = read(file, &bytes, bytes.count)
        return String(
            decoding: bytes.prefix(max(0, count)).prefix { $0 > 0x20 }, as: UTF8.self)
    }
}
