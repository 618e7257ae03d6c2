internal import Devices
internal import FoundationEssentials
internal import HTTP
internal import Platform
internal import SharedModels

/// What the people of a workspace see live: events, cues, commands and changes of agents and
/// devices, as server-sent events and over WebSocket. Slow viewers lose the oldest.
final class ConsoleStream: Sendable {
    private let hub: Hub
    private let log: Log

    init(hub: Hub, log: Log) {
        self.hub = hub
        self.log = log.of("console")
    }

    static func topic(_ workspace: WorkspaceID) -> String { "workspace/\(workspace)" }

    /// Shows `value` to whoever watches the workspace, as `{"type":name,"data":…}`. Any thread.
    func show(_ name: String, _ value: some Encodable, in workspace: WorkspaceID) {
        let topic = Self.topic(workspace)
        guard hub.viewerCount(of: topic) > 0 else { return }
        do {
            let message = Message(type: name, data: value)
            let text = String(decoding: try JSONEncoder().encode(message), as: UTF8.self)
            hub.publish(ServerSentEvent(name: name, data: text), to: topic)
        } catch {
            log.error(
                "cannot write an event", ["type": .string(name), "error": .string("\(error)")])
        }
    }

    var endpoints: [Endpoint] {
        [
            Endpoint(
                .get, "/api/v1/workspaces/{workspace_id:uuid}/stream",
                "Live events, cues, commands and changes, as server-sent events", tag: "console",
                access: .permission("workspace.watch"), rate: .stream,
                answer: .events(Self.schema)
            ) { [hub] call in
                let topic = Self.topic(try call.id("workspace_id"))
                return call.events(EventStreamHandler(opened: { hub.join(topic, $0) }))
            }
        ]
    }

    private struct Message<Value: Encodable>: Encodable {
        let type: String
        let data: Value
    }

    private static let schema = Schema.object([
        .required("type", .choice(["event", "cue", "command", "flash", "changed", "ended"])),
        .required("data", .freeObject(maxValues: 1000)),
    ])
}
