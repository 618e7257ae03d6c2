/// The right that let a stream of events or a WebSocket in, and how it is looked at again.
struct StreamRight: Sendable {
    /// Streams with equal keys stand on the same right, so one check answers for all of them.
    struct Key: Sendable, Hashable {
        let caller: Caller
        /// Nil: whoever is signed in.
        let permission: String?
        let route: String
        let pathValues: [String]
    }

    /// What a check found.
    enum Verdict: Sendable, Equatable {
        case holds
        case ended(StreamEnd)
        /// It could not be made; the text is for the log.
        case unknown(String)
    }

    let key: Key
    let rights: StreamRights
    /// How many changes had been told when the caller was let in.
    let changeCount: UInt64
    let check: @Sendable () async -> Verdict

    /// The right of a call that was just let in; nil if anybody may have the answer.
    init?(of call: Call, hooks: Hooks, rights: StreamRights, changeCount: UInt64) {
        guard let caller = call.caller else { return nil }
        let permission: String?
        switch call.endpoint.access {
        case .open: return nil
        case .signedIn: permission = nil
        case .permission(let name): permission = name
        }
        key = Key(
            caller: caller, permission: permission, route: call.endpoint.route,
            pathValues: call.pathValues)
        self.rights = rights
        self.changeCount = changeCount
        let call = call.withoutBody()
        check = { await Self.verdict(caller, permission, call, hooks) }
    }

    init(
        key: Key, rights: StreamRights, changeCount: UInt64 = 0,
        check: @escaping @Sendable () async -> Verdict
    ) {
        self.key = key
        self.rights = rights
        self.changeCount = changeCount
        self.check = check
    }

    private static func verdict(
        _ caller: Caller, _ permission: String?, _ call: Call, _ hooks: Hooks
    ) async -> Verdict {
        do {
            guard try await hooks.confirm(caller) else { return .ended(.sessionEnded) }
            guard let permission else { return .holds }
            return try await hooks.authorise(caller, permission, call)
                ? .holds : .ended(.forbidden)
        } catch let error as any HTTPRepresentable {
            switch error.httpError.status {
            case .unauthorized: return .ended(.sessionEnded)
            case .forbidden, .notFound: return .ended(.forbidden)
            default: return .unknown("\(error)")
            }
        } catch {
            return .unknown("\(error)")
        }
    }
}
