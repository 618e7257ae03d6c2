package import Crypto
package import HTTP
package import MQTT
package import Platform
package import Postgres
package import SharedModels

/// Where agents find the broker.
package struct BrokerAddress: Sendable, Hashable {
    package let host: String
    package let port: UInt16
    package let isTLS: Bool

    package init(host: String, port: UInt16, isTLS: Bool) {
        self.host = host
        self.port = port
        self.isTLS = isTLS
    }
}

/// What the link of a device's board has counted, as its agent says.
package struct LinkReport: Hashable, Sendable {
    package let device: DeviceID
    package let link: AgentTelemetry.Link
    /// What the same agent said before; nil if this is the first time.
    package let former: AgentTelemetry.Link?
}

/// The front door of the domain: agents, devices, commands and the E-stop.
package struct Devices: Sendable {
    package let service: DevicesService
    package let dispatcher: CommandDispatcher
    package let endpoints: [Endpoint]
    package let workers: [any Worker]

    /// What the domain tells its surroundings.
    package struct Reports: Sendable {
        /// A command was sent (outcome nil) or has ended. On the stage loop.
        package var command: @Sendable (CommandRecord, Outcome?) -> Void
        /// An agent or a device of the workspace changed. Any thread.
        package var changed: @Sendable (WorkspaceID) -> Void
        /// An input of a device changed. On the stage loop.
        package var input: @Sendable (InputReport) -> Void
        /// An agent told what a device's link has counted. On the stage loop.
        package var measured: @Sendable (LinkReport) -> Void
        /// A flashing was ordered, went on, or has ended. On the stage loop.
        package var flashing: @Sendable (FlashJob) -> Void

        package init(
            command: @escaping @Sendable (CommandRecord, Outcome?) -> Void,
            changed: @escaping @Sendable (WorkspaceID) -> Void,
            input: @escaping @Sendable (InputReport) -> Void,
            measured: @escaping @Sendable (LinkReport) -> Void = { _ in },
            flashing: @escaping @Sendable (FlashJob) -> Void = { _ in }
        ) {
            self.flashing = flashing
            self.command = command
            self.changed = changed
            self.input = input
            self.measured = measured
        }
    }

    /// - Parameters:
    ///   - client: of the control plane's own identity, on the stage loop.
    ///   - clock: the id of this machine's monotonic clock, for traces.
    package init(
        pool: PostgresPool, client: MQTTClient, signer: BrokerCredentialSigner,
        broker: BrokerAddress, clock: String, log: Log,
        makeCommandID: @escaping @Sendable () -> CommandID,
        unixMilliseconds: @escaping @Sendable () -> Int64, reports: Reports
    ) {
        let commandLog = CommandLog(pool: pool, log: log)
        dispatcher = CommandDispatcher(
            loop: client.loop,
            surroundings: CommandDispatcher.Surroundings(
                publish: { topic, payload, deadline, done in
                    client.publish(
                        MQTTMessage(topic: topic.name, payload: payload),
                        deadlineNanoseconds: deadline
                    ) { result in
                        if case .failure = result { done(false) } else { done(true) }
                    }
                }, sent: { reports.command($0, nil) },
                ended: { ended in
                    commandLog.append(ended)
                    reports.command(ended.record, ended.outcome)
                }, makeCommandID: makeCommandID,
                monotonicNanoseconds: { SystemTime.monotonicNanoseconds },
                unixMilliseconds: unixMilliseconds))
        service = DevicesService(
            pool: pool, signer: signer, client: client, dispatcher: dispatcher, log: log,
            unixMilliseconds: unixMilliseconds, changed: reports.changed, input: reports.input,
            measured: reports.measured, flashing: reports.flashing)
        endpoints =
            DevicesRoutes(
                service: service, broker: broker, serverPublicKey: signer.publicKey.description,
                clock: clock
            ).endpoints
        workers = [commandLog, CommandSweeper(service: service, log: log)] + service.workers
    }
}
