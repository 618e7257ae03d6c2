internal import SharedModels

/// The conditions of one rule, brought to one form: all hold if and only if the viewer has a role
/// of each set in `roles`, the source is in `sources`, and `handles` lets the handle pass.
struct CompiledConditions: Sendable {
    static let everyRole: UInt16 = ViewerRoles.names.reduce(0) { $0 | $1.role.rawValue }
    static let everySource: UInt32 = SourceKind.allCases.reduce(0) { $0 | $1.bit }

    /// What decides on roles and sources; many rules share one.
    struct Class: Hashable {
        var roles: [UInt16]
        var sources: UInt32

        func passes(roles held: UInt16, source: UInt32) -> Bool {
            source & sources != 0 && roles.allSatisfy { $0 & held != 0 }
        }
    }

    enum Handles {
        case any
        /// Only these, folded.
        case only(Set<[UInt8]>)
        case none(of: Set<[UInt8]>)
    }

    private(set) var roles: [UInt16] = []
    private(set) var sources = everySource
    private(set) var handles = Handles.any

    var viewerClass: Class { Class(roles: roles, sources: sources) }

    init(_ conditions: [Condition]) {
        for condition in conditions {
            switch condition {
            case .anyRole(let roles):
                self.roles.append(roles.rawValue & Self.everyRole)
            case .anySource(let sources):
                self.sources &= sources.reduce(0) { $0 | $1.bit }
            case .handleIn(let handles): allow(Self.folded(handles))
            case .handleNotIn(let handles): deny(Self.folded(handles))
            }
        }
        roles = Set(roles).sorted()
    }

    private mutating func allow(_ set: Set<[UInt8]>) {
        switch handles {
        case .any: handles = .only(set)
        case .only(let others): handles = .only(others.intersection(set))
        case .none(let others): handles = .only(set.subtracting(others))
        }
    }

    private mutating func deny(_ set: Set<[UInt8]>) {
        switch handles {
        case .any: handles = .none(of: set)
        case .only(let others): handles = .only(others.subtracting(set))
        case .none(let others): handles = .none(of: others.union(set))
        }
    }

    /// A handle that folds to nothing names nobody.
    private static func folded(_ handles: [String]) -> Set<[UInt8]> {
        var text = FoldedText()
        var set = Set<[UInt8]>()
        for handle in handles {
            text.fold(handle)
            if text.count > 0 { set.insert(text.bytes) }
        }
        return set
    }
}
