package import Crypto
package import HTTP
package import Postgres

/// The front door of the domain: people, sessions, workspaces and members.
package struct Accounts: Sendable {
    package let service: AccountsService
    package let endpoints: [Endpoint]

    /// - Parameter rightsChanged: see `AccountsService`.
    package init(
        pool: PostgresPool, hasher: PasswordHasher, signer: TokenSigner,
        unixMilliseconds: @escaping @Sendable () -> Int64,
        rightsChanged: @escaping @Sendable (RightsChange) -> Void = { _ in }
    ) {
        service = AccountsService(
            pool: pool, hasher: hasher, signer: signer, unixMilliseconds: unixMilliseconds,
            rightsChanged: rightsChanged)
        endpoints = AccountsRoutes(service: service).endpoints
    }
}
