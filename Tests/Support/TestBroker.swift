import CLinux
import Glibc
package import MQTT
import Platform
import SharedModels

/// A real Mosquitto on a unix socket in a folder of its own, ended with the test.
package final class TestBroker: Sendable {
    package enum Problem: Error, CustomStringConvertible {
        case missing
        case silent(log: String)

        package var description: String {
            switch self {
            case .missing: "no mosquitto program: install the package mosquitto"
            case .silent(let log): "mosquitto does not answer: \(log)"
            }
        }
    }

    package let folder: String
    package let socketPath: String
    private let settings: String
    private let process: TestProcess

    /// Starts it and waits until it answers.
    /// - Parameter settings: further lines of its configuration; by default anyone may connect.
    package static func start(settings: String = "allow_anonymous true") async throws -> TestBroker
    {
        let folder = try TestProcess.makeFolder("broker")
        let broker = try TestBroker(folder: folder, settings: settings)
        try await TestProcess.waitForSocket(
            broker.socketPath, orThrow: { Problem.silent(log: TestProcess.text(folder + "/log")) })
        return broker
    }

    /// Starts another in the folder of one that was killed.
    package static func restart(_ broker: TestBroker) async throws -> TestBroker {
        let again = try TestBroker(folder: broker.folder, settings: broker.settings)
        try await TestProcess.waitForSocket(
            again.socketPath,
            orThrow: { Problem.silent(log: TestProcess.text(again.folder + "/log")) })
        return again
    }

    private init(folder: String, settings: String) throws {
        guard access("/usr/sbin/mosquitto", X_OK) == 0 else { throw Problem.missing }
        self.folder = folder
        self.settings = settings
        socketPath = folder + "/mqtt.sock"
        let configuration = """
            per_listener_settings false
            listener 0 \(socketPath)
            set_tcp_nodelay true
            max_inflight_messages 100
            log_dest stderr
            \(settings)

            """
        let path = folder + "/mosquitto.conf"
        try TestProcess.write(configuration, to: path)
        process = try TestProcess.spawn(
            ["/usr/sbin/mosquitto", "-c", path], output: folder + "/log")
    }

    /// A configuration for a client of this broker.
    package func configuration(clientID: String) -> MQTTConfiguration {
        MQTTConfiguration(
            address: .unix(path: socketPath), clientID: clientID, username: clientID,
            password: { "" })
    }

    /// Ends it as a power cut would.
    package func kill() { process.kill() }
    /// Stops and continues it, as a machine that hangs would.
    package func signal(_ number: Int32) { process.signal(number) }
}
