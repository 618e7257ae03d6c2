package import Platform
internal import Udev

/// Tells when serial ports come and go: by udev where it runs, else by watching `/dev`. Used on
/// its loop alone.
///
/// An event may come twice, late, or not at all; whoever is told looks for itself.
package final class PortWatcher {
    /// Which way is wanted.
    package enum Choice: String, Hashable, Sendable, CaseIterable {
        /// udev if its daemon runs, else files.
        case auto
        case udev
        case files
    }

    /// Which way is taken.
    package enum Way: String, Hashable, Sendable, Codable {
        case udev
        /// inotify on `/dev`, and the kernel's list of terminals.
        case files
        /// Neither works; the list is read again and again.
        case scanning
    }

    package enum Change: Hashable, Sendable {
        /// The port is there, or its rights have changed.
        case came(path: String)
        case left(path: String)
        /// Something was missed.
        case unsure
    }

    enum Limits {
        /// Messages taken per turn of the loop, so that a storm does not starve the boards.
        static let messagesMax = 64
    }

    package private(set) var way = Way.scanning
    /// Why it is not the way that was wanted; empty if it is.
    package private(set) var trouble = ""

    private let choice: Choice
    private let deviceFolder: String
    private let loop: EventLoop
    private let changed: (Change) -> Void
    private var monitor: UdevMonitor?
    private var watch: Watch?
    private var files: DeviceFolderWatch?

    /// - Parameters:
    ///   - deviceFolder: watched where there is no udev.
    ///   - changed: called on the loop.
    package init(
        _ choice: Choice, deviceFolder: String = "/dev", loop: EventLoop,
        changed: @escaping (Change) -> Void
    ) {
        self.choice = choice
        self.deviceFolder = deviceFolder
        self.loop = loop
        self.changed = changed
    }

    /// Begins; never fails, because there is always another way.
    package func start() {
        loop.preconditionOnLoop()
        switch choice {
        case .udev: listen()
        case .files: watchFiles()
        case .auto:
            if UdevMonitor.isServed {
                listen()
            } else {
                trouble = "no udev daemon runs here"
                watchFiles()
            }
        }
    }

    package func end() {
        stopListening()
        files?.end()
        files = nil
    }

    private func listen() {
        do {
            let monitor = try UdevMonitor(subsystem: "tty")
            watch = try loop.watch(monitor.descriptor, for: .readable) { [weak self] _ in
                self?.receive()
            }
            self.monitor = monitor
            way = .udev
        } catch {
            trouble = "\(error)"
            watchFiles()
        }
    }

    private func stopListening() {
        watch?.cancel()
        watch = nil
        monitor = nil
    }

    private func watchFiles() {
        do {
            files = try DeviceFolderWatch(folder: deviceFolder, loop: loop) { [weak self] finding in
                self?.take(finding)
            }
            way = .files
        } catch {
            trouble = "\(error)"
            way = .scanning
        }
    }

    private func receive() {
        for _ in 0..<Limits.messagesMax {
            guard let monitor else { return }
            switch monitor.next() {
            case .none: return
            case .other: continue
            case .overflow: changed(.unsure)
            case .event(let event):
                changed(event.action == .remove ? .left(path: event.path) : .came(path: event.path))
            case .broken(let code):
                stopListening()
                trouble = LinuxError("udev", code: code).description
                watchFiles()
                return changed(.unsure)
            }
        }
    }

    private func take(_ finding: DeviceFolderWatch.Finding) {
        switch finding {
        case .came(let name) where PortScanner.isUSB(name):
            changed(.came(path: "\(deviceFolder)/\(name)"))
        case .left(let name) where PortScanner.isUSB(name):
            changed(.left(path: "\(deviceFolder)/\(name)"))
        case .came, .left: break
        case .unsure: changed(.unsure)
        }
    }
}
