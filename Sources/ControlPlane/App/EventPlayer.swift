internal import Live
internal import Platform
internal import Rules
internal import SharedModels

/// Brings live events onto the stage in their order. The rules of a workspace are read when its
/// first event arrives; what comes meanwhile waits, bounded, and then plays.
final class EventPlayer: @unchecked Sendable {
    // Safe: `waiting` is touched on the stage's loop alone.

    /// Events of one workspace that wait for its rules; later ones are not acted on.
    static let waitingMax = 1000

    private let stage: CueStage
    private let rules: RulesService
    private let log: Log
    private var waiting: [WorkspaceID: [StageEvent]] = [:]

    init(stage: CueStage, rules: RulesService, log: Log) {
        self.stage = stage
        self.rules = rules
        self.log = log.of("stage")
    }

    /// Plays an event. Any thread; never waits.
    func play(_ event: StageEvent) {
        stage.loop.submit { [self] in playNow(event) }
    }

    /// The same for who is on the stage's loop already.
    func playNow(_ event: StageEvent) {
        let workspace = event.workspace
        let isFirst = waiting[workspace] == nil
        if isFirst, stage.hasRules(of: workspace) { return stage.play(event) }
        if waiting[workspace, default: []].count < Self.waitingMax {
            waiting[workspace, default: []].append(event)
        }
        if isFirst { Task { await fetchRules(of: workspace) } }
    }

    /// Reads the rules of a livestream's workspace before its first event needs them, and goes on
    /// with its likes. Any thread; never waits.
    func prepare(_ livestream: Livestream) {
        let workspace = livestream.workspace
        stage.loop.submit { [self] in
            stage.open(livestream)
            guard !stage.hasRules(of: workspace), waiting[workspace] == nil else { return }
            waiting[workspace] = []
            Task { await fetchRules(of: workspace) }
        }
    }

    private func fetchRules(of workspace: WorkspaceID) async {
        do {
            let ruleSet = try await rules.ruleSet(of: workspace)
            stage.loop.submit { [self] in
                // A change that came meanwhile is newer than what was read.
                if !stage.hasRules(of: workspace) { stage.take(ruleSet) }
                for event in waiting.removeValue(forKey: workspace) ?? [] { stage.play(event) }
            }
        } catch {
            log.error("cannot read rules", ["reason": .string("\(error)")])
            // The next event tries again; what waited is too old by then.
            stage.loop.submit { [self] in waiting[workspace] = nil }
        }
    }
}
