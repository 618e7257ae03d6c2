internal import Devices
internal import Live
internal import Platform
internal import Rules
internal import SharedModels

/// The hot path, on the stage loop: live events go in, the rule engine of their livestream, or of
/// their workspace if a board made them, decides, cues go to the dispatcher. Nothing here waits.
final class CueStage: @unchecked Sendable {
    // Safe: `engines` and `ruleSets` are touched on the loop alone, which every entry checks.

    /// Rule sets in memory; beyond it those of workspaces without a livestream are let go.
    static let ruleSetsMax = 10_000

    /// Commands made in one turn of the loop.
    static let actionsPerTurn = 32
    /// Cues that wait for their turn; more are dropped and counted.
    static let waitingMax = 10_000
    /// Workspaces whose inputs are remembered; beyond it one other begins anew.
    static let hardwareMax = 10_000

    let loop: EventLoop
    private let dispatcher: CommandDispatcher
    private let clock: String
    private let makeSeed: @Sendable () -> UInt64
    private let makeCueID: @Sendable () -> CueID
    private let shown: @Sendable (Cue, LiveEvent) -> Void
    private let matchTimes: Histogram
    private var cues: [Cue] = []
    private var waiting = BoundedQueue<(Cue, Trace, LiveEvent)>(
        limit: CueStage.waitingMax, policy: .refuse)
    private var isDispatching = false
    private let droppedCues: Counter
    private var engines: [LivestreamID: RuleEngine] = [:]
    /// Those that decide on inputs of boards: one for each workspace, however many livestreams it
    /// has, so that one press is one cue.
    private var hardware: [WorkspaceID: RuleEngine] = [:]
    private var ruleSets: [WorkspaceID: RuleSet] = [:]
    private var workspaces: [LivestreamID: WorkspaceID] = [:]

    init(
        dispatcher: CommandDispatcher, clock: String, ids: IDGenerator, metrics: Metrics,
        makeSeed: @escaping @Sendable () -> UInt64,
        shown: @escaping @Sendable (Cue, LiveEvent) -> Void
    ) {
        loop = dispatcher.loop
        self.dispatcher = dispatcher
        self.clock = clock
        self.makeSeed = makeSeed
        self.shown = shown
        makeCueID = { ids.next() }
        droppedCues = metrics.counter(
            "cuelight_cues_dropped_total", "Cues beyond what may wait for the stage.")
        matchTimes = metrics.histogram(
            "cuelight_match_seconds", "From an event's bytes to the engine's decision.")
    }

    /// Takes the rules of a workspace as they are now; running livestreams go on with them.
    func take(_ ruleSet: RuleSet) {
        loop.preconditionOnLoop()
        // Two changes may overtake each other on their way here.
        if let known = ruleSets[ruleSet.workspace], known.revision > ruleSet.revision { return }
        ruleSets[ruleSet.workspace] = ruleSet
        if ruleSets.count > Self.ruleSetsMax { forgetIdleRules() }
        for (livestream, workspace) in workspaces where workspace == ruleSet.workspace {
            engines[livestream]?.swap(to: ruleSet)
        }
        hardware[ruleSet.workspace]?.swap(to: ruleSet)
    }

    /// Rules of workspaces without a livestream are read again when one begins.
    private func forgetIdleRules() {
        let live = Set(workspaces.values)
        ruleSets = ruleSets.filter { live.contains($0.key) }
    }

    /// Whether the rules of a workspace are here.
    func hasRules(of workspace: WorkspaceID) -> Bool {
        loop.preconditionOnLoop()
        return ruleSets[workspace] != nil
    }

    /// Decides on an event and does what was decided.
    func play(_ staged: StageEvent) {
        loop.preconditionOnLoop()
        let (event, workspace) = (staged.event, staged.workspace)
        if case .deleted(let messageIDs, let viewerIDs) = event.happening, !event.isHistory {
            let (messageIDs, viewerIDs) = (Set(messageIDs), Set(viewerIDs))
            dispatcher.cancel(in: workspace, messageIDs: messageIDs, viewerIDs: viewerIDs)
            waiting.removeAll { cue, _, _ in
                cue.workspace == workspace
                    && (messageIDs.contains(cue.sourceMessageID) && !cue.sourceMessageID.isEmpty
                        || viewerIDs.contains(cue.viewerID) && !cue.viewerID.isEmpty)
            }
        }
        if let livestream = event.livestream {
            decide(on: event, of: livestream, in: workspace)
        } else if !isStale(staged) {
            decide(onInput: event, in: workspace)
        }
        guard !cues.isEmpty else { return }
        let matched = SystemTime.monotonicNanoseconds
        matchTimes.observe(fromNanoseconds: staged.arrivedNanoseconds, to: matched)
        for cue in cues {
            let trace = staged.trace(of: cue, clock: clock, matchedNanoseconds: matched)
            if case .refused = waiting.append((cue, trace, event)) { droppedCues.add() }
        }
        cues.removeAll(keepingCapacity: true)
        if !isDispatching { dispatchSome() }
    }

    /// Dispatches a few cues, and the rest in later turns of the loop: a storm of gifts must not
    /// stand before an E-stop.
    private func dispatchSome() {
        var actions = 0
        while actions < Self.actionsPerTurn, let (cue, trace, event) = waiting.popFirst() {
            dispatcher.dispatch(cue, trace: trace)
            shown(cue, event)
            actions += max(1, cue.actions.count)
        }
        isDispatching = !waiting.isEmpty
        if isDispatching { loop.submit { [self] in dispatchSome() } }
    }

    /// Takes a livestream that this process holds from now on.
    func open(_ livestream: Livestream) {
        loop.preconditionOnLoop()
        makeEngine(of: livestream.id, in: livestream.workspace)
        let passed = livestream.totals.likesPassed
        if passed > 0 { engines[livestream.id]?.resume(likes: passed) }
    }

    private func makeEngine(of livestream: LivestreamID, in workspace: WorkspaceID) {
        guard engines[livestream] == nil else { return }
        let rules = ruleSets[workspace] ?? RuleSet(workspace: workspace, rules: [])
        engines[livestream] = RuleEngine(rules, seed: makeSeed())
        workspaces[livestream] = workspace
    }

    private func decide(
        on event: LiveEvent, of livestream: LivestreamID, in workspace: WorkspaceID
    ) {
        makeEngine(of: livestream, in: workspace)
        engines[livestream]?.decide(
            on: event, at: SystemTime.monotonicNanoseconds, makeID: makeCueID, into: &cues)
        if case .control(let action) = event.happening, action == .ended || action == .suspended {
            forget(livestream)
        }
    }

    private func decide(onInput event: LiveEvent, in workspace: WorkspaceID) {
        if hardware[workspace] == nil {
            if hardware.count >= Self.hardwareMax, let other = hardware.keys.first {
                hardware[other] = nil
            }
            let rules = ruleSets[workspace] ?? RuleSet(workspace: workspace, rules: [])
            hardware[workspace] = RuleEngine(rules, seed: makeSeed())
        }
        hardware[workspace]?.decide(
            on: event, at: SystemTime.monotonicNanoseconds, makeID: makeCueID, into: &cues)
    }

    /// Whether an input waited too long for its workspace's rules.
    private func isStale(_ staged: StageEvent) -> Bool {
        SystemTime.monotonicNanoseconds - staged.arrivedNanoseconds
            > InputChange.lifetimeMilliseconds * 1_000_000
    }

    /// Forgets a livestream that has ended.
    func forget(_ livestream: LivestreamID) {
        loop.preconditionOnLoop()
        engines[livestream] = nil
        workspaces[livestream] = nil
    }
}
