internal import SharedModels

/// Commands that wait until their agent has spoken on the broker's present connection.
///
/// A broker that was killed forgets who had subscribed: what is published before an agent is back
/// would be taken and lost. So after a lost connection an agent counts as unheard until its state
/// arrives again, which it sends after it has subscribed. A pure value; bounded by the table of
/// commands under way.
struct HeldCommands {
    private var unheard: Set<AgentID> = []
    private var waiting: [AgentID: [CommandID]] = [:]

    var isEmpty: Bool { waiting.isEmpty }
    var all: [CommandID] { waiting.values.flatMap { $0 } }

    /// The connection is gone: nobody counts as heard any more.
    mutating func lose(_ agents: some Sequence<AgentID>) { unheard.formUnion(agents) }

    /// Takes the command if its agent is unheard; false: it may go out.
    mutating func hold(_ command: CommandID, of agent: AgentID) -> Bool {
        guard unheard.contains(agent) else { return false }
        waiting[agent, default: []].append(command)
        return true
    }

    /// The agent has spoken: gives back what waited for it, in order.
    mutating func hear(_ agent: AgentID) -> [CommandID] {
        unheard.remove(agent)
        return waiting.removeValue(forKey: agent) ?? []
    }

    /// Takes out the commands of which `isOver` is true, in order.
    mutating func take(where isOver: (CommandID) -> Bool) -> [CommandID] {
        var taken: [CommandID] = []
        for (agent, commands) in waiting {
            let over = commands.filter(isOver)
            guard !over.isEmpty else { continue }
            taken += over
            let left = commands.filter { !over.contains($0) }
            waiting[agent] = left.isEmpty ? nil : left
        }
        return taken.sorted()
    }
}
