internal import Glibc

/// Finds the serial ports of this machine: those named in the configuration, and USB ones that
/// the kernel lists, as far as the lists of allowed and denied ports let it. A fresh look each
/// time; `PortWatcher` says when to look.
package struct PortScanner: Sendable {
    /// Ports at most, so that a strange machine does not keep the agent busy.
    package static let portsMax = 32

    /// Paths that are always ports, whatever they are called.
    package let configured: [String]
    /// Whether USB ports are found by themselves.
    package let findsUSB: Bool
    /// Which of the found ones may be opened; configured ones always may.
    package let filter: PortFilter
    private let classFolder: String
    private let deviceFolder: String

    /// - Parameters:
    ///   - classFolder: where the kernel lists terminals.
    ///   - deviceFolder: where their device files are.
    package init(
        configured: [String], findsUSB: Bool, filter: PortFilter = PortFilter(),
        classFolder: String = "/sys/class/tty", deviceFolder: String = "/dev"
    ) {
        self.configured = configured
        self.findsUSB = findsUSB
        self.filter = filter
        self.classFolder = classFolder
        self.deviceFolder = deviceFolder
    }

    /// The ports that may be opened as of now, the configured ones first, each once.
    package func scan() -> [String] {
        look().filter { !$0.isDenied }.map(\.path)
    }

    /// Found ports that the lists keep the agent from opening.
    package func denied() -> [String] { look().filter(\.isDenied).map(\.path) }

    private struct Found {
        let path: String
        let isDenied: Bool
    }

    private func look() -> [Found] {
        var found = configured.filter { access($0, F_OK) == 0 }
            .map { Found(path: $0, isDenied: false) }
        guard findsUSB else { return Array(found.prefix(Self.portsMax)) }
        let usual = Self.names(in: classFolder).filter {
            Self.isUSB($0) && access("\(classFolder)/\($0)/device", F_OK) == 0
        }
        let resolved = Set(found.map { Self.resolved($0.path) })
        for name in usual.sorted() {
            let path = "\(deviceFolder)/\(name)"
            // The kernel lists a port a moment before its file is there.
            guard access(path, F_OK) == 0, !resolved.contains(Self.resolved(path)) else { continue }
            let isDenied = !filter.allows(path: path, usb: usb(of: path))
            found.append(Found(path: path, isDenied: isDenied))
        }
        return Array(found.prefix(Self.portsMax))
    }

    /// Configured ports that are not there now.
    package var missing: [String] { configured.filter { access($0, F_OK) != 0 } }

    /// What the USB device behind a port says of itself; nil if there is none.
    package func usb(of path: String) -> USBIdentity? {
        // A link such as those of /dev/serial/by-id has another name than its port.
        for name in [path, Self.resolved(path)].compactMap({ $0.split(separator: "/").last })
        where access("\(classFolder)/\(name)", F_OK) == 0 {
            return USBIdentity(portFolder: "\(classFolder)/\(name)")
        }
        return nil
    }

    /// Whether the kernel calls USB serial ports like this.
    static func isUSB(_ name: String) -> Bool {
        name.hasPrefix("ttyACM") || name.hasPrefix("ttyUSB")
    }

    private static func names(in folder: String) -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                    pointer.withMemoryRebound(to: CChar.self, capacity: 256) {
                        String(cString: $0)
                    }
                })
        }
        return names
    }

    /// The path at the end of its symbolic links, so that one port is not opened under two
    /// names; those of /dev/serial point at `../../ttyACM0`.
    package static func resolved(_ path: String) -> String {
        var path = path
        for _ in 0..<linksMax {
            guard let target = target(of: path) else { break }
            let isAbsolute = target.hasPrefix("/")
            var names = isAbsolute ? [] : path.split(separator: "/").dropLast().map(String.init)
            for name in target.split(separator: "/").map(String.init) {
                if name == ".." { _ = names.popLast() } else if name != "." { names.append(name) }
            }
            path = (isAbsolute || path.hasPrefix("/") ? "/" : "") + names.joined(separator: "/")
        }
        return path
    }

    /// Links that lead on, at most.
    private static let linksMax = 8

    private static func target(of link: String) -> String? {
        var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(link, &bytes, bytes.count)
        guard count > 0 else { return nil }
        return String(decoding: bytes.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
