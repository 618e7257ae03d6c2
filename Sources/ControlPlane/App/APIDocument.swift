internal import Accounts
internal import Crypto
internal import Devices
internal import HTTP
internal import MQTT
internal import Platform
internal import Postgres

/// The API's description, made from the endpoints as they are declared.
enum APIDocument {
    /// The OpenAPI 3.1 document, as `docs/api/openapi.json` holds it.
    static var text: String {
        get throws {
            OpenAPI.document(
                title: "Cuelight", version: Release.version,
                endpoints: try ControlPlane(try Self.ground()).endpoints)
        }
    }

    /// Enough to declare the endpoints; nothing is connected.
    private static func ground() throws -> ControlPlane.Ground {
        let log = Log(component: "", minimum: .error)
        let loop = try EventLoop.start(name: "openapi")
        return ControlPlane.Ground(
            pool: PostgresPool(
                try PostgresConfiguration(url: "postgresql:///none"), loop: loop, log: log),
            client: try MQTTClient(
                MQTTConfiguration(
                    address: .unix(path: "/none"), clientID: "none", username: "none",
                    password: { "" }), loop: loop, log: log), keys: try KeyRing.ephemeral(),
            broker: BrokerAddress(host: "localhost", port: 1883, isTLS: false),
            metrics: Metrics(), log: log)
    }
}
