internal import CUdev
internal import Glibc

/// What udev says of one device of a subsystem.
package struct UdevEvent: Hashable, Sendable {
    package enum Action: Hashable, Sendable {
        /// The device is there, its file with the rights that the rules gave it.
        case add
        case change
        case remove
    }

    package let action: Action
    /// The device file, such as `/dev/ttyACM0`.
    package let path: String

    package init(action: Action, path: String) {
        self.action = action
        self.path = path
    }
}

/// Listens to udev for the devices of one subsystem, after its rules have run. Whoever owns it
/// watches its descriptor and takes events when it is readable; used by one thread at a time.
package final class UdevMonitor {
    /// Why udev cannot be listened to.
    package struct Problem: Error, Hashable, Sendable, CustomStringConvertible {
        package let description: String
    }

    /// What a call of `next` found.
    package enum Finding: Hashable, Sendable {
        case event(UdevEvent)
        /// A message of no interest: another action, or a device without a file.
        case other
        /// The kernel dropped messages for want of room; look for yourself.
        case overflow
        /// Nothing more for now.
        case none
        /// The socket is broken, with errno.
        case broken(Int32)
    }

    /// Room for messages that wait, bytes: some thousand events.
    private static let bufferBytes: Int32 = 1024 * 1024

    private let context: OpaquePointer
    private let monitor: OpaquePointer
    /// Becomes readable when there is something; owned by the monitor.
    package let descriptor: Int32

    /// Whether a udev daemon runs on this machine: without one no event ever comes.
    package static var isServed: Bool { access("/run/udev/control", F_OK) == 0 }

    /// - Parameter subsystem: such as `tty`.
    package init(subsystem: String) throws(Problem) {
        guard let context = udev_new() else { throw Problem(description: "udev_new failed") }
        guard let monitor = udev_monitor_new_from_netlink(context, "udev") else {
            udev_unref(context)
            throw Problem(description: "no netlink socket; AF_NETLINK may be forbidden")
        }
        self.context = context
        self.monitor = monitor
        // Refused without the right to exceed the system's limit; what is there must do then.
        _ = udev_monitor_set_receive_buffer_size(monitor, Self.bufferBytes)
        var code = udev_monitor_filter_add_match_subsystem_devtype(monitor, subsystem, nil)
        if code >= 0 { code = udev_monitor_enable_receiving(monitor) }
        descriptor = udev_monitor_get_fd(monitor)
        guard code >= 0, descriptor >= 0 else {
            throw Problem(description: "the udev monitor cannot listen (\(code))")
        }
    }

    deinit {
        udev_monitor_unref(monitor)
        udev_unref(context)
    }

    /// The next message; never waits.
    package func next() -> Finding {
        errno = 0
        guard let device = udev_monitor_receive_device(monitor) else {
            switch errno {
            case ENOBUFS: return .overflow
            // A message that the filter or the sender's check drops also ends here.
            case 0, EAGAIN, EINTR: return .none
            case let code: return .broken(code)
            }
        }
        defer { udev_device_unref(device) }
        let actions: [String: UdevEvent.Action] = [
            "add": .add, "change": .change, "bind": .change, "move": .change, "remove": .remove,
        ]
        guard let word = udev_device_get_action(device), let file = udev_device_get_devnode(device),
            let action = actions[String(cString: word)]
        else { return .other }
        return .event(UdevEvent(action: action, path: String(cString: file)))
    }
}
