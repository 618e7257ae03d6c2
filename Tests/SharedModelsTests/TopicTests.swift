import SharedModels
import Testing

private let workspace = WorkspaceID(high: 0x0190_B5A0_0000_7000, low: 0x8000_0000_0000_0001)
private let agent = AgentID(high: 0x0190_B5A0_0000_7000, low: 0x8000_0000_0000_0002)

@Suite("Topic")
struct TopicTests {
    @Test("each topic is read as it was written")
    func roundTrip() {
        for leaf in Topic.Leaf.allCases {
            let topic = Topic(workspace: workspace, agent: agent, leaf: leaf)
            #expect(Topic(topic.name) == topic)
            #expect(topic.name == "cuelight/1/\(workspace)/\(agent)/\(leaf.rawValue)")
        }
    }

    @Test("orders go down, all else comes up")
    func directions() {
        let down: Set<Topic.Leaf> = [.command, .cancel, .estop, .unlock, .flash, .sequences]
        #expect(Set(Topic.Leaf.allCases.filter(\.isDown)) == down)
    }

    @Test(
        "hostile names are no topics of ours",
        arguments: [
            "", "/", "////", "cuelight", "cuelight/1", "cuelight/1///state",
            "cuelight/2/\(workspace)/\(agent)/state", "cuelight/1/\(workspace)/\(agent)",
            "cuelight/1/\(workspace)/\(agent)/", "cuelight/1/\(workspace)/\(agent)/state/",
            "/cuelight/1/\(workspace)/\(agent)/state", "cuelight/1/\(workspace)/\(agent)/State",
            "cuelight/1/+/\(agent)/state", "cuelight/1/#", "cuelight/1/\(workspace)/+/state",
            "cuelight/1/\(agent)/state", "$SYS/1/\(workspace)/\(agent)/state",
            "cuelight/1/\(workspace)\u{0}/\(agent)/state",
            "cuelight/1/\(workspace)/\(agent)/state\u{301}",
            "cuelight/1/\(workspace)/..\(agent)/state", String(repeating: "/", count: 65_535),
        ])
    func hostile(name: String) { #expect(Topic(name) == nil) }

    @Test("a name in other letters than we write is not ours: two names are never one topic")
    func canonical() {
        let name = Topic(workspace: workspace, agent: agent, leaf: .state).name
        #expect(Topic(name.replacing("b5a0", with: "B5A0")) == nil)
    }
}

@Suite("Broker credential")
struct BrokerCredentialTests {
    @Test("what is signed is the five fields in their order")
    func payload() {
        let credential = BrokerCredential(
            role: .agent, workspace: workspace.description, client: agent.description, epoch: 7,
            expiresAtSeconds: 1_800_000_000)
        #expect(
            credential.payload
                == """
                agent|0190b5a0-0000-7000-8000-000000000001|0190b5a0-0000-7000-8000-000000000002\
                |7|1800000000
                """)
        let control = BrokerCredential(
            role: .control, workspace: "-", client: "control-1", epoch: 0, expiresAtSeconds: .max)
        #expect(control.payload == "control|-|control-1|0|9223372036854775807")
    }
}
