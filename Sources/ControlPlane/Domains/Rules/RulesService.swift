package import Platform
package import Postgres
package import SharedModels

/// The verbs of the domain: making, changing, finding and deleting rules. After each change the
/// workspace's new rule set is handed on; a livestream takes its first from `ruleSet(of:)`.
package final class RulesService: Sendable {
    package enum Limits {
        /// Rules of a workspace, disabled ones included.
        package static let rulesMax = 1000
        /// Rules on a page.
        package static let pageMax = 100
    }

    /// What the domain asks of its surroundings.
    package struct Surroundings: Sendable {
        /// What is wrong with the actions and the trigger: devices and channels that are not
        /// there, or cannot do it. Fields are relative, such as `actions[2].device_id`.
        package var problems: @Sendable (Rule) async -> [RuleProblem]
        /// A workspace has other rules now. Called after each change, from any thread, perhaps
        /// out of order: `RuleSet.revision` says which is newer.
        package var changed: @Sendable (RuleSet) -> Void

        package init(
            problems: @escaping @Sendable (Rule) async -> [RuleProblem],
            changed: @escaping @Sendable (RuleSet) -> Void
        ) {
            self.problems = problems
            self.changed = changed
        }
    }

    private let store: RulesStore
    private let surroundings: Surroundings
    private let makeID: @Sendable () -> RuleID
    private let log: Log

    package init(
        pool: PostgresPool, log: Log, makeID: @escaping @Sendable () -> RuleID,
        surroundings: Surroundings
    ) {
        store = RulesStore(pool: pool)
        self.surroundings = surroundings
        self.makeID = makeID
        self.log = log.of("rules")
    }

    /// Makes a rule; its id is given here. Throws `RulesError.invalid` or `.tooManyRules`.
    package func make(_ draft: Rule) async throws -> StoredRule {
        var rule = try await checked(draft)
        rule.id = makeID()
        guard let stored = try await store.insert(rule, rulesMax: Limits.rulesMax) else {
            throw RulesError.tooManyRules
        }
        try await announce(rule.workspace)
        return stored
    }

    /// Rules in the order of their making, and where the next page begins; nil on the last.
    package func rules(
        of workspace: WorkspaceID, after: RuleID?, limit: Int
    ) async throws -> (rules: [StoredRule], next: RuleID?) {
        let limit = min(max(limit, 1), Limits.pageMax)
        let found = try await store.rules(of: workspace, after: after, limit: limit + 1)
        let page = Array(found.prefix(limit))
        return (page, found.count > limit ? page.last?.rule.id : nil)
    }

    /// One rule; throws `RulesError.notFound`.
    package func rule(_ id: RuleID, of workspace: WorkspaceID) async throws -> StoredRule {
        guard let stored = try await store.rule(id, of: workspace) else {
            throw RulesError.notFound
        }
        return stored
    }

    /// Puts another rule in the place of the one with its id.
    /// - Parameter version: what the change was made for; if the rule has another by now, throws
    ///   `RulesError.changedMeanwhile`. Nil replaces whatever is there.
    package func replace(with rule: Rule, version: Int64? = nil) async throws -> StoredRule {
        let rule = try await checked(rule)
        return try await change(rule.id, of: rule.workspace) { stored in
            if let version, version != stored.version {
                throw RulesError.changedMeanwhile(version: stored.version)
            }
            return rule
        }
    }

    /// Switches a rule on or off.
    package func setEnabled(
        _ isEnabled: Bool, _ id: RuleID, of workspace: WorkspaceID
    ) async throws -> StoredRule {
        try await change(id, of: workspace) { stored in
            var rule = stored.rule
            rule.isEnabled = isEnabled
            return rule
        }
    }

    /// Deletes a rule; throws `RulesError.notFound`.
    package func delete(_ id: RuleID, of workspace: WorkspaceID) async throws {
        guard try await store.delete(id, of: workspace) else { throw RulesError.notFound }
        try await announce(workspace)
    }

    /// The workspace's enabled rules as they are now, compiled.
    package func ruleSet(of workspace: WorkspaceID) async throws -> RuleSet {
        let (revision, rows) = try await store.enabledRules(of: workspace)
        let rules = rows.compactMap { row -> Rule? in
            do {
                return try row.stored().rule
            } catch {
                // One rule that this version cannot read must not stop the others.
                log.error(
                    "unreadable rule",
                    ["rule": .string("\(row.id)"), "error": .string("\(error)")])
                return nil
            }
        }
        return RuleSet(workspace: workspace, rules: rules, revision: revision)
    }

    /// Hands on the workspace's rules as they are now; also for changes that another process made.
    package func announce(_ workspace: WorkspaceID) async throws {
        surroundings.changed(try await ruleSet(of: workspace))
    }

    /// The rule as it is kept; throws `RulesError.invalid`.
    private func checked(_ draft: Rule) async throws -> Rule {
        var rule = draft
        let problems = RuleValidator.problems(in: rule)
        if !problems.isEmpty { throw RulesError.invalid(problems) }
        let missing = await surroundings.problems(rule)
        if !missing.isEmpty { throw RulesError.invalid(missing) }
        rule.name = try SingleLineName.make(rule.name, lengthMax: Rule.nameLengthMax)
        return rule
    }

    private func change(
        _ id: RuleID, of workspace: WorkspaceID,
        _ change: @Sendable (StoredRule) throws -> Rule
    ) async throws -> StoredRule {
        guard let stored = try await store.change(id, of: workspace, change) else {
            throw RulesError.notFound
        }
        try await announce(workspace)
        return stored
    }
}
