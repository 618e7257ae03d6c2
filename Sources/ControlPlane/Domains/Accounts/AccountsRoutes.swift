internal import HTTP
internal import SharedModels

/// The endpoints of the domain.
struct AccountsRoutes {
    let service: AccountsService

    private static let tag = "accounts"

    var endpoints: [Endpoint] { people + sessions + workspaces + members }

    // People.

    private var people: [Endpoint] {
        [
            Endpoint(
                .post, "/api/v1/accounts", "Register", tag: Self.tag, access: .open, rate: .login,
                body: .json(
                    .object([
                        .required("email", .string(3...254)),
                        .required("handle", .string(3...30), "a-z, 0-9 and _"),
                        .required("display_name", .string(1...60)),
                        .required("password", .string(1...256), "at least 10 characters"),
                    ]), limit: 4096), answer: .item(AccountJSON.schema), status: .created,
                errors: [.conflict]
            ) { [service] call in
                let body: Registration = try call.body()
                let account = try await service.register(
                    email: body.email, handle: body.handle, displayName: body.displayName,
                    password: body.password)
                return try .item(AccountJSON(account), status: .created)
            },
            Endpoint(
                .get, "/api/v1/me", "Who I am", tag: Self.tag, access: .signedIn, rate: .read,
                answer: .item(AccountJSON.schema)
            ) { [service] call in
                try .item(AccountJSON(try await service.account(try call.requireAccount())))
            },
        ]
    }

    // Sessions.

    private var sessions: [Endpoint] {
        [
            Endpoint(
                .post, "/api/v1/sessions", "Sign in", tag: Self.tag, access: .open, rate: .login,
                body: .json(
                    .object([
                        .required("email", .string(1...254)),
                        .required("password", .string(1...256)),
                    ]), limit: 4096), answer: .item(SessionJSON.schema), status: .created,
                errors: [.unauthorized, .tooManyRequests]
            ) { [service] call in
                let body: Login = try call.body()
                let tokens = try await service.logIn(email: body.email, password: body.password)
                return try .item(SessionJSON(tokens), status: .created)
            },
            Endpoint(
                .post, "/api/v1/sessions/one-time", "Sign in with a one-time code", tag: Self.tag,
                access: .open, rate: .login,
                body: .json(.object([.required("code", .string(1...128))]), limit: 1024),
                answer: .item(SessionJSON.schema), status: .created, errors: [.unauthorized]
            ) { [service] call in
                let body: OneTimeCode = try call.body()
                return try .item(
                    SessionJSON(try await service.logIn(code: body.code)), status: .created)
            },
            Endpoint(
                .post, "/api/v1/sessions/refresh",
                "Exchange a refresh token, which serves once, for the next", tag: Self.tag,
                access: .open, rate: .login,
                body: .json(.object([.required("refresh_token", .string(1...128))]), limit: 1024),
                answer: .item(SessionJSON.schema), errors: [.unauthorized]
            ) { [service] call in
                let body: Refresh = try call.body()
                return try .item(SessionJSON(try await service.refresh(body.token)))
            },
            Endpoint(
                .delete, "/api/v1/sessions/current", "Sign out", tag: Self.tag, access: .signedIn,
                rate: .write, answer: .nothing
            ) { [service] call in
                guard let session = try call.requireCaller().session else {
                    throw HTTPError.forbidden
                }
                try await service.logOut(session)
                return .empty()
            },
            Endpoint(
                .post, "/api/v1/me/login-codes",
                "Make a one-time code that signs another browser in", tag: Self.tag,
                access: .signedIn, rate: .login, answer: .item(LoginCodeJSON.schema),
                status: .created
            ) { [service] call in
                let (code, expiry) = try await service.makeLoginCode(
                    for: try call.requireAccount())
                return try .item(
                    LoginCodeJSON(code: code, expiresAtMilliseconds: expiry), status: .created)
            },
        ]
    }

    // Workspaces.

    private var workspaces: [Endpoint] {
        [
            Endpoint(
                .post, "/api/v1/workspaces", "Make a workspace", tag: "workspaces",
                access: .signedIn, rate: .write,
                body: .json(.object([.required("name", .string(1...60))]), limit: 1024),
                answer: .item(WorkspaceJSON.schema), status: .created, isIdempotent: true,
                errors: [.conflict]
            ) { [service] call in
                let body: Name = try call.body()
                let membership = try await service.makeWorkspace(
                    name: body.name, owner: try call.requireAccount())
                return try .item(WorkspaceJSON(membership), status: .created)
            },
            Endpoint(
                .get, "/api/v1/workspaces", "My workspaces", tag: "workspaces", access: .signedIn,
                rate: .read, answer: .page(of: WorkspaceJSON.schema)
            ) { [service] call in
                let memberships = try await service.memberships(of: try call.requireAccount())
                return try .page(memberships.map(WorkspaceJSON.init), nextCursor: nil)
            },
        ]
    }

    // Members.

    private var members: [Endpoint] {
        [
            Endpoint(
                .get, "/api/v1/workspaces/{workspace_id:uuid}/members", "Members of a workspace",
                tag: "workspaces", access: .permission("workspace.watch"), rate: .read,
                answer: .page(of: MemberJSON.schema)
            ) { [service] call in
                let members = try await service.members(of: try call.id("workspace_id"))
                return try .page(members.map(MemberJSON.init), nextCursor: nil)
            },
            Endpoint(
                .put, "/api/v1/workspaces/{workspace_id:uuid}/members/{handle}",
                "Give an account a role in the workspace", tag: "workspaces",
                access: .permission("workspace.own"), rate: .write,
                body: .json(
                    .object([
                        .required("role", .choice(WorkspaceRole.allCases.map(\.rawValue)))
                    ]), limit: 1024), answer: .nothing, errors: [.notFound, .conflict]
            ) { [service] call in
                let body: RoleBody = try call.body()
                try await service.setRole(
                    body.role, ofHandle: call.path("handle"), in: try call.id("workspace_id"))
                return .empty()
            },
            Endpoint(
                .delete, "/api/v1/workspaces/{workspace_id:uuid}/members/{handle}",
                "Take an account out of the workspace", tag: "workspaces",
                access: .permission("workspace.own"), rate: .write, answer: .nothing,
                errors: [.notFound, .conflict]
            ) { [service] call in
                try await service.removeMember(
                    handle: call.path("handle"), from: try call.id("workspace_id"))
                return .empty()
            },
        ]
    }
}

// The bodies, as they are on the wire.

private struct Registration: Decodable {
    let email: String
    let handle: String
    let displayName: String
    let password: String

    private enum CodingKeys: String, CodingKey {
        case email, handle, displayName = "display_name", password
    }
}

private struct Login: Decodable {
    let email: String
    let password: String
}

private struct OneTimeCode: Decodable { let code: String }
private struct Refresh: Decodable {
    let token: String
    private enum CodingKeys: String, CodingKey { case token = "refresh_token" }
}

private struct Name: Decodable { let name: String }
private struct RoleBody: Decodable { let role: WorkspaceRole }
