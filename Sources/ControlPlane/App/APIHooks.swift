internal import Accounts
internal import Devices
internal import HTTP
internal import Platform
internal import SharedModels

/// Who calls, what they may do, and how often.
enum APIHooks {
    static func make(
        accounts: AccountsService, idempotency: any IdempotencyStore, limits: RequestLimits
    ) -> Hooks {
        Hooks(
            authenticate: { request in
                guard let token = request.bearerToken else { return nil }
                if let access = accounts.caller(accessToken: token) {
                    return caller(access, isExpired: false)
                }
                // Nobody gets a new token while the database is away, and a stop must be possible.
                guard request.method == .put, let access = accounts.presser(accessToken: token)
                else { throw HTTPError.unauthenticated }
                return caller(access, isExpired: true)
            },
            confirm: { caller in
                guard let account = caller.account, let session = caller.session else {
                    return false
                }
                return try await accounts.isOpen(session, of: account)
            },
            authorise: { caller, permission, call in
                guard let account = caller.account,
                    let needed = WorkspaceRole(permission: permission)
                else { return false }
                let workspace: WorkspaceID = try call.id("workspace_id")
                let isStop = permission == "workspace.stop"
                if caller.isExpired {
                    // Pressing, never releasing, by a member who is remembered.
                    guard isStop, call.request.method == .put,
                        let known = accounts.rememberedRole(of: account, in: workspace),
                        known >= needed
                    else { throw HTTPError.unauthenticated }
                    return true
                }
                if isStop, let known = accounts.rememberedRole(of: account, in: workspace) {
                    return known >= needed
                }
                let role = try await accounts.role(
                    of: account, in: workspace, deadline: isStop ? stopDeadline : nil)
                guard let role else {
                    // Whoever is not a member is not told whether the workspace exists.
                    throw HTTPError.notFound
                }
                return role >= needed
            }, limit: { rate, key in limits.admit(rate, key) }, idempotency: idempotency,
            explain: { HTTPError(databaseAway: $0) })
    }

    private static func caller(_ access: AccessToken, isExpired: Bool) -> Caller {
        Caller(
            kind: .account, subject: access.account.description, account: access.account,
            session: access.session, role: access.role.rawValue, isExpired: isExpired)
    }

    /// How long whoever presses an E-stop waits for a database that must say who they are.
    private static let stopDeadline = Duration.seconds(2)
}

extension WorkspaceRole {
    /// The least role that has a permission as endpoints name them.
    init?(permission: String) {
        switch permission {
        case "workspace.watch": self = .watcher
        case "workspace.operate", "workspace.stop": self = .operator
        case "workspace.own": self = .owner
        default: return nil
        }
    }
}

/// How often one caller, or one address, may ask, by rate class.
final class RequestLimits: Sendable {
    private let buckets: [RateClass: KeyedLimits<String, TokenBucket>]
    private let time: TimeSource

    init(time: TimeSource = .system) {
        func bucket(_ capacity: Int, _ perSecond: Double) -> KeyedLimits<String, TokenBucket> {
            KeyedLimits(TokenBucket(capacity: capacity, perSecond: perSecond), keysMax: 20_000)
        }
        buckets = [
            .read: bucket(200, 50), .write: bucket(300, 60), .login: bucket(30, 0.5),
            .upload: bucket(200, 100), .stream: bucket(20, 1), .failedLogin: bucket(30, 0.5),
            .stop: bucket(2000, 500),
        ]
        self.time = time
    }

    func admit(_ rate: RateClass, _ key: String) -> Hooks.RateDecision {
        guard let bucket = buckets[rate] else { return .go }
        switch bucket.admit(key, atNanoseconds: time.monotonicNanoseconds()) {
        case .admitted: return .go
        case .refused(let after):
            return .wait(
                seconds: max(1, Int((after.nanosecondsClamped + 999_999_999) / 1_000_000_000)))
        }
    }
}
