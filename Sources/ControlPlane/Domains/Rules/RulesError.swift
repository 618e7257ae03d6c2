package import HTTP

/// What can go wrong with the rules of a workspace.
package enum RulesError: Error, Equatable, Sendable {
    case invalid([RuleProblem])
    case tooManyRules
    /// Somebody else changed the rule since the version that the change was made for.
    case changedMeanwhile(version: Int64)
    case notFound
}

extension RulesError: HTTPRepresentable {
    package var httpError: HTTPError {
        switch self {
        case .invalid(let problems):
            .invalid(problems.map { HTTPError.Field(path: $0.field, message: $0.message) })
        case .tooManyRules:
            .conflict(
                "too_many_rules", "A workspace has at most \(RulesService.Limits.rulesMax) rules.")
        case .changedMeanwhile(let version):
            .conflict(
                "changed_meanwhile", "The rule was changed meanwhile; it is at version \(version).")
        case .notFound: .notFound("rule")
        }
    }
}
