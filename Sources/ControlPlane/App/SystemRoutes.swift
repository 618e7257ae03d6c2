internal import HTTP
internal import MQTT
internal import Platform
internal import Postgres
internal import Synchronization

/// Whether the process is well, what it measures, and the API's own description.
final class SystemRoutes: Sendable {
    private let pool: PostgresPool
    private let metrics: Metrics
    private let isBrokerConnected = Atomic(false)

    init(pool: PostgresPool, client: MQTTClient, metrics: Metrics) {
        self.pool = pool
        self.metrics = metrics
        client.onStateChange { [weak self] state in
            self?.isBrokerConnected.store(state == .connected, ordering: .relaxed)
        }
    }

    var endpoints: [Endpoint] {
        [
            Endpoint(
                .get, "/api/v1/health", "Whether the control plane is ready", tag: "system",
                access: .open, rate: .read, answer: .item(HealthJSON.schema)
            ) { [self] _ in
                let health = await health()
                return try .item(
                    health, status: health.status == "ready" ? .ok : .serviceUnavailable)
            },
            Endpoint(
                .get, "/metrics", "What the process measures, as Prometheus text", tag: "system",
                access: .open, rate: .read, answer: .content(type: "text/plain")
            ) { [metrics] call in
                // What is measured is no secret between processes of one machine, and only there.
                guard ["127.0.0.1", "::1", "unix"].contains(call.request.peer) else {
                    throw HTTPError.forbidden
                }
                return .bytes(
                    Array(metrics.text().utf8), type: "text/plain; version=0.0.4; charset=utf-8")
            },
        ]
    }

    private func health() async -> HealthJSON {
        let database: String
        do {
            _ = try await pool.queryOne("SELECT 1", as: (Int32).self, deadline: .seconds(2))
            database = "ready"
        } catch {
            database = "away"
        }
        let broker = isBrokerConnected.load(ordering: .relaxed) ? "ready" : "away"
        return HealthJSON(
            status: database == "ready" && broker == "ready" ? "ready" : "degraded",
            version: Release.version, database: database, broker: broker)
    }

    private struct HealthJSON: Encodable {
        let status: String
        let version: String
        let database: String
        let broker: String

        static let schema = Schema.named(
            "Health",
            .object([
                .required("status", .choice(["ready", "degraded"])), .required("version", .text),
                .required("database", .choice(["ready", "away"])),
                .required("broker", .choice(["ready", "away"])),
            ]))
    }
}
