internal import SharedModels

/// Whom the rules of one table listen to: their conditions on roles, sources and handles,
/// compiled so that one look-up answers roles and sources for all rules at once.
struct Audience: Sendable {
    /// Words of a bit set of the table.
    let words: Int
    /// For each combination of roles and sources that any rule tells apart, the rules it passes.
    private let passes: [UInt64]
    /// For the role bits of a viewer, which combination they are.
    private let roleRows: [UInt16]
    private let sourceRows: [UInt16]
    private let handles: HandleLists?

    var size: Int {
        8 * passes.count + 2 * (roleRows.count + sourceRows.count) + (handles?.size ?? 0)
    }
    var looksAtHandles: Bool { handles != nil }

    init(_ rules: [CompiledConditions]) {
        words = RuleBits.wordCount(for: rules.count)
        var usedRoles: UInt16 = 0
        var usesSources = false
        for rule in rules {
            for roles in rule.roles { usedRoles |= roles }
            usesSources = usesSources || rule.sources != CompiledConditions.everySource
        }
        let roleSets = (0...CompiledConditions.everyRole).filter { $0 & ~usedRoles == 0 }
        roleRows = (0...CompiledConditions.everyRole).map { roles in
            UInt16(roleSets.firstIndex(of: roles & usedRoles) ?? 0)
        }
        let sources =
            usesSources ? Array(SourceKind.allCases) : Array(SourceKind.allCases.prefix(1))
        sourceRows = SourceKind.allCases.indices.map { UInt16(usesSources ? $0 : 0) }
        var classes: [CompiledConditions.Class: [Int]] = [:]
        for (place, rule) in rules.enumerated() {
            classes[rule.viewerClass, default: []].append(place)
        }
        let words = self.words
        let classBits = classes.map {
            (key: $0.key, bits: RuleBits.bits(of: $0.value, words: words))
        }
        var passes: [UInt64] = []
        passes.reserveCapacity(roleSets.count * sources.count * words)
        for source in sources {
            for roles in roleSets {
                var row = [UInt64](repeating: 0, count: words)
                for (key, bits) in classBits where key.passes(roles: roles, source: source.bit) {
                    for word in 0..<words { row[word] |= bits[word] }
                }
                passes += row
            }
        }
        self.passes = passes
        roleSetCount = roleSets.count
        handles = HandleLists(rules.map(\.handles), words: words)
    }

    private let roleSetCount: Int

    /// The rules that a viewer with these roles passes, from that source.
    @inline(__always)
    func row(roles: ViewerRoles, source: SourceKind) -> Range<Int> {
        let known = Int(roles.rawValue & CompiledConditions.everyRole)
        let start = (Int(sourceRows[source.place]) * roleSetCount + Int(roleRows[known])) * words
        return start..<start + words
    }

    /// All rows; `row` says where one is.
    var rows: [UInt64] { passes }

    /// Takes out of `bits` the rules that do not want this viewer's handle.
    /// - Parameters:
    ///   - handle: folded into; only used as memory.
    func removeUnwanted(
        _ viewer: Viewer?, handle: inout FoldedText, from bits: inout [UInt64]
    ) {
        handles?.removeUnwanted(viewer, handle: &handle, from: &bits)
    }
}

extension SourceKind {
    /// The source's place among all of them.
    var place: Int {
        switch self {
        case .native: 0
        case .tiktok: 1
        case .replay: 2
        case .hardware: 3
        }
    }

    var bit: UInt32 { 1 << UInt32(place) }
}
