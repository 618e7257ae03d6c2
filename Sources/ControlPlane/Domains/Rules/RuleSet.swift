package import SharedModels

/// The enabled rules of one workspace, compiled for matching. Immutable: an edit makes a new one,
/// and `RuleEngine.swap` takes it over between two events.
///
/// Every kind of live event has a table of its own. What a rule compares is found by look-up, not
/// by asking rule after rule: gifts by number, name and coins, comments by one automaton for all
/// keywords, likes by the next milestone. Roles and sources are one row of bits for all rules.
package final class RuleSet: Sendable {
    package let workspace: WorkspaceID
    /// Grows with each change of the workspace's rules, so that of two sets the newer is known.
    package let revision: Int64
    /// The compiled rules, table after table; within a table the highest priority first, then by
    /// id. `Matches` holds places in this array.
    package let rules: [Rule]

    private let comments: CommentTable
    private let gifts: GiftTable
    private let giftEnds: GiftTable
    private let likes: LikeTable
    private let follows: PlainTable
    private let shares: PlainTable
    private let joins: PlainTable
    private let subscribes: PlainTable
    private let inputs: InputTable

    /// - Parameter rules: those that are disabled or of another workspace are left out. Rules
    ///   that `RuleValidator` refuses do no harm; what cannot hold never matches.
    package init(workspace: WorkspaceID, rules: some Sequence<Rule>, revision: Int64 = 0) {
        // Built once for the process, here and not in the middle of the first event.
        _ = FoldTable.standard
        self.workspace = workspace
        self.revision = revision
        var sorted: [TableKind: [Rule]] = [:]
        for rule in rules where rule.isEnabled && rule.workspace == workspace {
            sorted[TableKind(rule.trigger), default: []].append(rule)
        }
        var all: [Rule] = []
        func take(_ kind: TableKind) -> (rules: [Rule], base: Int) {
            let table = (sorted[kind] ?? []).sorted(by: Self.goesBefore)
            defer { all += table }
            return (table, all.count)
        }
        func table<Table>(_ kind: TableKind, _ make: ([Rule], Int) -> Table) -> Table {
            let (rules, base) = take(kind)
            return make(rules, base)
        }
        comments = table(.comment, CommentTable.init)
        gifts = table(.gift, GiftTable.init)
        giftEnds = table(.giftEnd, GiftTable.init)
        likes = table(.like, LikeTable.init)
        follows = table(.follow, PlainTable.init)
        shares = table(.share, PlainTable.init)
        joins = table(.join, PlainTable.init)
        subscribes = table(.subscribe, PlainTable.init)
        inputs = table(.input, InputTable.init)
        self.rules = all
    }

    /// Bytes of the compiled tables, the rules themselves aside.
    package var tablesSize: Int {
        comments.size + gifts.size + giftEnds.size + likes.size + follows.size + shares.size
            + joins.size + subscribes.size + inputs.size
    }

    /// Finds the rules that `event` matches. History is matched too: `RuleEngine` is who never
    /// lets it act.
    /// - Parameters:
    ///   - likes: the likes of the livestream; advanced by like events.
    ///   - matches: filled with the result; its memory is used again.
    package func match(
        _ event: borrowing LiveEvent, likes meter: inout LikeMeter, into matches: inout Matches
    ) {
        matches.count = 0
        switch event.happening {
        case .comment(let text): comments.match(text, of: event, into: &matches)
        case .gift(let increment): gifts.match(increment.gift, of: event, into: &matches)
        case .giftEnded(let streak): giftEnds.match(streak.gift, of: event, into: &matches)
        case .like(let increment):
            guard let before = meter.advance(to: increment.total) else { return }
            meter.next = likes.nextMilestone(after: increment.total) ?? .max
            likes.match(increment.total, from: before, of: event, into: &matches)
        case .follow: follows.match(event, into: &matches)
        case .share: shares.match(event, into: &matches)
        case .join: joins.match(event, into: &matches)
        case .subscribe: subscribes.match(event, into: &matches)
        case .input(let reading): inputs.match(reading, of: event, into: &matches)
        case .viewers, .control, .deleted: break
        }
    }

    /// Calls `body` with the place of each rule that counts crossings of a threshold of the input.
    func crossings(_ reading: InputReading, _ body: (Int, InputCondition) -> Void) {
        inputs.crossings(reading, body)
    }

    private static func goesBefore(_ left: Rule, _ right: Rule) -> Bool {
        left.priority == right.priority ? left.id < right.id : left.priority > right.priority
    }
}

/// Which table a rule is in.
private enum TableKind: Hashable {
    case comment, gift, giftEnd, like, follow, share, join, subscribe, input

    init(_ trigger: Trigger) {
        switch trigger {
        case .comment: self = .comment
        case .gift(let match): self = match.firing == .comboEnd ? .giftEnd : .gift
        case .likeMilestone: self = .like
        case .follow: self = .follow
        case .share: self = .share
        case .join: self = .join
        case .subscribe: self = .subscribe
        case .input: self = .input
        }
    }
}
