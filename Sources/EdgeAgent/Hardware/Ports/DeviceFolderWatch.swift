internal import Glibc
internal import Platform

/// Tells which files of a folder of devices came, changed or went (inotify). On the loop.
final class DeviceFolderWatch {
    enum Limits {
        static let readBytes = 16 * 1024
        /// Reads per turn of the loop.
        static let readsMax = 16
    }

    enum Finding: Hashable, Sendable {
        /// The file is there, or its rights have changed.
        case came(String)
        case left(String)
        /// The kernel dropped what it had to say, or the folder is gone.
        case unsure
    }

    private let descriptor: Int32
    private var watch: Watch?
    private let found: (Finding) -> Void

    init(
        folder: String, loop: EventLoop, found: @escaping (Finding) -> Void
    ) throws(LinuxError) {
        self.found = found
        descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
        guard descriptor >= 0 else { throw .current("inotify_init1") }
        let mask = IN_CREATE | IN_ATTRIB | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM
        do throws(LinuxError) {
            guard inotify_add_watch(descriptor, folder, UInt32(truncatingIfNeeded: mask)) >= 0
            else {
                throw .current("inotify_add_watch \(folder)")
            }
            watch = try loop.watch(descriptor, for: .readable) { [weak self] _ in self?.read() }
        } catch {
            close(descriptor)
            throw error
        }
    }

    func end() {
        guard let watch else { return }
        watch.cancel()
        self.watch = nil
        close(descriptor)
    }

    private func read() {
        for _ in 0..<Limits.readsMax {
            var bytes = [UInt8](repeating: 0, count: Limits.readBytes)
            let count = Glibc.read(descriptor, &bytes, bytes.count)
            guard count > 0 else { return }
            for finding in Self.findings(in: bytes.prefix(count)) { found(finding) }
        }
    }

    /// Reads events of inotify(7): wd, mask, cookie and length, four bytes each, and a name that
    /// is filled up with zeros.
    static func findings(in bytes: some Collection<UInt8>) -> [Finding] {
        var rest = ArraySlice(Array(bytes))
        var findings: [Finding] = []
        while rest.count >= 16 {
            func word(_ offset: Int) -> UInt32 {
                (0..<4).reduce(0) { $0 | UInt32(rest[rest.startIndex + offset + $1]) << (8 * $1) }
            }
            let mask = Int(word(4))
            let length = Int(word(12))
            rest = rest.dropFirst(16)
            guard rest.count >= length else { break }
            let name = String(decoding: rest.prefix(length).prefix { $0 != 0 }, as: UTF8.self)
            rest = rest.dropFirst(length)
            if mask & Int(IN_Q_OVERFLOW | IN_IGNORED | IN_UNMOUNT) != 0 {
                findings.append(.unsure)
            } else if mask & Int(IN_DELETE | IN_MOVED_FROM) != 0 {
                findings.append(.left(name))
            } else if mask & Int(IN_CREATE | IN_ATTRIB | IN_MOVED_TO) != 0, !name.isEmpty {
                findings.append(.came(name))
            }
        }
        return findings
    }
}
