package import SharedModels

/// Decides for one livestream, or for the inputs of one workspace, which cues a live event makes: matches it in the rule set, then
/// applies what has a memory: cooldowns, chance, like milestones. A pure state machine: the same
/// rule sets, events, times and seed make the same cues.
///
/// History never makes a cue. One event makes at most `cuesMax` cues; the rules of the lowest
/// priority go without, and `counts` says how many.
package struct RuleEngine: Sendable {
    /// The most cues that one event makes.
    package static let cuesMax = 1000
    /// How many pairs of viewer and rule the viewer cooldowns remember.
    package static let viewersMax = 4096

    /// What became of the matches so far.
    package struct Counts: Hashable, Sendable {
        /// Rules that matched.
        package var matches = 0
        package var cues = 0
        /// Held back by a cooldown of the rule or of the viewer.
        package var cooling = 0
        /// Held back by chance.
        package var unlucky = 0
        /// Over `cuesMax`.
        package var dropped = 0
    }

    package private(set) var ruleSet: RuleSet
    package private(set) var counts = Counts()
    /// How many likes the livestream has.
    package private(set) var likes = LikeMeter()

    private let seed: UInt64
    private var guards: [RuleGuard]
    private var viewers: ViewerCooldowns
    private var matches = Matches()

    /// - Parameters:
    ///   - seed: decides chance.
    ///   - viewersMax: see `RuleEngine.viewersMax`; smaller in tests.
    package init(_ ruleSet: RuleSet, seed: UInt64, viewersMax: Int = RuleEngine.viewersMax) {
        self.ruleSet = ruleSet
        self.seed = seed
        guards = ruleSet.rules.map { RuleGuard($0.guards) }
        viewers = ViewerCooldowns(capacity: viewersMax)
    }

    /// Takes over other rules, between two events. A rule with the same id, trigger and guards
    /// as before goes on where it was; a changed one starts afresh. Likes go on. A set with an
    /// older revision, which was overtaken on its way, is left aside.
    package mutating func swap(to next: RuleSet) {
        guard next.workspace == ruleSet.workspace, next.revision >= ruleSet.revision else { return }
        var before: [RuleID: Int] = [:]
        before.reserveCapacity(ruleSet.rules.count)
        for (place, rule) in ruleSet.rules.enumerated() { before[rule.id] = place }
        var kept: Set<RuleID> = []
        guards = next.rules.map { rule in
            guard let place = before[rule.id], ruleSet.rules[place].trigger == rule.trigger,
                ruleSet.rules[place].guards == rule.guards
            else { return RuleGuard(rule.guards) }
            if guards[place].viewerCooldown > 0 { kept.insert(rule.id) }
            return guards[place]
        }
        viewers.keep(only: kept.contains)
        ruleSet = next
        likes.next = 0
    }

    /// Tells how many likes there were before: their milestones are passed.
    package mutating func resume(likes total: Int) { likes.skip(to: total) }

    /// Appends to `cues` what the event makes happen, in the order in which it shall be done.
    /// - Parameters:
    ///   - now: monotonic nanoseconds.
    ///   - makeID: a new identifier for each cue.
    package mutating func decide(
        on event: LiveEvent, at now: Int64, makeID: () -> CueID, into cues: inout [Cue]
    ) {
        if event.isHistory {
            if case .like(let increment) = event.happening { likes.skip(to: increment.total) }
            passThresholds(event)
            return
        }
        defer { passThresholds(event) }
        let likesBefore = likes.total
        ruleSet.match(event, likes: &likes, into: &matches)
        counts.matches += matches.count
        let limit = cues.count + Self.cuesMax
        for index in 0..<matches.count {
            let place = matches[index]
            for _ in 0..<times(place, event, likesBefore) {
                guard isAllowed(place, event.viewer, now) else { continue }
                guard cues.count < limit else {
                    counts.dropped += 1
                    continue
                }
                note(place, event.viewer, now)
                cues.append(cue(place, event, makeID()))
            }
        }
    }

    /// How many cues the trigger asks for.
    private func times(_ place: Int, _ event: LiveEvent, _ likesBefore: Int?) -> Int {
        switch (ruleSet.rules[place].trigger, event.happening) {
        case (.gift(let match), .gift(let increment)):
            let most = match.firing == .each ? GiftMatch.eachMax : 1
            return min(max(increment.count, 0), most)
        case (.likeMilestone(let every), .like(let increment)):
            let passed = LikeMeter.passed(
                every: every, from: likesBefore ?? 0, to: increment.total)
            return min(passed, GiftMatch.eachMax)
        case (.input(let match), .input) where match.condition.isCrossing:
            return guards[place].isBeyond == false ? 1 : 0
        default: return 1
        }
    }

    /// Remembers on which side of its thresholds an input is now, whatever held a rule back.
    private mutating func passThresholds(_ event: LiveEvent) {
        guard case .input(let reading) = event.happening else { return }
        ruleSet.crossings(reading) { place, condition in
            guards[place].pass(reading.value, condition)
        }
    }

    private mutating func isAllowed(_ place: Int, _ viewer: Viewer?, _ now: Int64) -> Bool {
        let rule = guards[place]
        guard RuleGuard.hasPassed(rule.cooldown, since: rule.lastCue, at: now) else {
            counts.cooling += 1
            return false
        }
        if rule.viewerCooldown > 0, let viewer {
            let last = viewers.time(of: .init(rule: ruleSet.rules[place].id, viewer: viewer.id))
            guard RuleGuard.hasPassed(rule.viewerCooldown, since: last, at: now) else {
                counts.cooling += 1
                return false
            }
        }
        guard rule.chancePermille < 1000 else { return true }
        let drawn = Chance.permille(
            seed: seed, rule: ruleSet.rules[place].id, draw: rule.draws)
        guards[place].draws &+= 1
        if drawn >= rule.chancePermille { counts.unlucky += 1 }
        return drawn < rule.chancePermille
    }

    private mutating func note(_ place: Int, _ viewer: Viewer?, _ now: Int64) {
        counts.cues += 1
        guards[place].lastCue = now
        if guards[place].viewerCooldown > 0, let viewer {
            viewers.note(.init(rule: ruleSet.rules[place].id, viewer: viewer.id), at: now)
        }
    }

    private func cue(_ place: Int, _ event: LiveEvent, _ id: CueID) -> Cue {
        Cue(
            id: id, rule: ruleSet.rules[place].id, workspace: ruleSet.workspace, event: event.id,
            sourceMessageID: event.sourceMessageID, viewerID: event.viewer?.id ?? "",
            actions: ruleSet.rules[place].actions, deadline: guards[place].deadline)
    }
}
