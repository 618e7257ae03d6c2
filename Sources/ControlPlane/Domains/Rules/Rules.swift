package import HTTP
package import Platform
package import Postgres
package import SharedModels

/// The front door of the domain: the rules of workspaces, and what they compile to.
package struct Rules: Sendable {
    package let service: RulesService
    package let endpoints: [Endpoint]

    /// - Parameter operation: how the API describes the operation of an action.
    package init(
        pool: PostgresPool, log: Log, operation: Schema,
        makeID: @escaping @Sendable () -> RuleID, surroundings: RulesService.Surroundings
    ) {
        service = RulesService(pool: pool, log: log, makeID: makeID, surroundings: surroundings)
        endpoints =
            RulesRoutes(service: service, schema: RulesSchema(operation: operation)).endpoints
    }
}
