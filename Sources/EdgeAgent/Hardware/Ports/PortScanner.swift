internal import Glibc

/// Finds the serial ports of this machine: those named in the configuration, and USB ones that
/// the kernel lists. A fresh look each time; a listener of udev could call it sooner.
package struct PortScanner: Sendable {
    /// Ports at most, so that a strange machine does not keep the agent busy.
    package static let portsMax = 32

    /// Paths that are always ports, whatever they are called.
    package let configured: [String]
    /// Whether USB ports are found by themselves.
    package let findsUSB: Bool
    private let classFolder: String
    private let deviceFolder: String

    /// - Parameters:
    ///   - classFolder: where the kernel lists terminals.
    ///   - deviceFolder: where their device files are.
    package init(
        configured: [String], findsUSB: Bool, classFolder: String = "/sys/class/tty",
        deviceFolder: String = "/dev"
    ) {
        self.configured = configured
        self.findsUSB = findsUSB
        self.classFolder = classFolder
        self.deviceFolder = deviceFolder
    }

    /// The ports as of now, the configured ones first, each once.
    package func scan() -> [String] {
        var found = configured.filter { access($0, F_OK) == 0 }
        guard findsUSB else { return Array(found.prefix(Self.portsMax)) }
        let usual = Self.names(in: classFolder).filter {
            ($0.hasPrefix("ttyACM") || $0.hasPrefix("ttyUSB"))
                && access("\(classFolder)/\($0)/device", F_OK) == 0
        }
        let resolved = Set(found.map(Self.resolved))
        for path in usual.sorted().map({ "\(deviceFolder)/\($0)" })
        where !resolved.contains(Self.resolved(path)) {
            found.append(path)
        }
        return Array(found.prefix(Self.portsMax))
    }

    /// Configured ports that are not there now.
    package var missing: [String] { configured.filter { access($0, F_OK) != 0 } }

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

    /// The path without symbolic links, so that one port is not opened under two names.
    private static func resolved(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
