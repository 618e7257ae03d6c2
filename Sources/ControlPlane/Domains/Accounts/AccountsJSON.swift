internal import HTTP
internal import SharedModels

// The answers of the domain, as they are on the wire.

struct AccountJSON: Encodable {
    let id: AccountID
    let email: String
    let handle: String
    let displayName: String
    let role: PlatformRole
    let createdAtMilliseconds: Int64

    init(_ account: Account) {
        id = account.id
        email = account.email
        handle = account.handle
        displayName = account.displayName
        role = account.role
        createdAtMilliseconds = account.createdAtMilliseconds
    }

    private enum CodingKeys: String, CodingKey {
        case id, email, handle, displayName = "display_name", role
        case createdAtMilliseconds = "created_at_ms"
    }

    static let schema = Schema.named(
        "Account",
        .object([
            .required("id", .uuid), .required("email", .text), .required("handle", .text),
            .required("display_name", .text),
            .required("role", .choice(PlatformRole.allCases.map(\.rawValue))),
            .required("created_at_ms", .unixMilliseconds),
        ]))
}

struct SessionJSON: Encodable {
    let account: AccountJSON
    let accessToken: String
    let accessExpiresAtMilliseconds: Int64
    let refreshToken: String
    let refreshExpiresAtMilliseconds: Int64

    init(_ tokens: SessionTokens) {
        account = AccountJSON(tokens.account)
        accessToken = tokens.accessToken
        accessExpiresAtMilliseconds = tokens.accessExpiresAtMilliseconds
        refreshToken = tokens.refreshToken
        refreshExpiresAtMilliseconds = tokens.refreshExpiresAtMilliseconds
    }

    private enum CodingKeys: String, CodingKey {
        case account, accessToken = "access_token"
        case accessExpiresAtMilliseconds = "access_expires_at_ms"
        case refreshToken = "refresh_token"
        case refreshExpiresAtMilliseconds = "refresh_expires_at_ms"
    }

    static let schema = Schema.named(
        "Session",
        .object([
            .required("account", AccountJSON.schema),
            .required("access_token", .text, "for `Authorization: Bearer …`"),
            .required("access_expires_at_ms", .unixMilliseconds),
            .required("refresh_token", .text, "serves once"),
            .required("refresh_expires_at_ms", .unixMilliseconds),
        ]))
}

struct LoginCodeJSON: Encodable {
    let code: String
    let expiresAtMilliseconds: Int64

    private enum CodingKeys: String, CodingKey {
        case code, expiresAtMilliseconds = "expires_at_ms"
    }

    static let schema = Schema.named(
        "LoginCode",
        .object([.required("code", .text), .required("expires_at_ms", .unixMilliseconds)]))
}

struct WorkspaceJSON: Encodable {
    let id: WorkspaceID
    let name: String
    let role: WorkspaceRole
    let createdAtMilliseconds: Int64

    init(_ membership: Membership) {
        id = membership.workspace
        name = membership.workspaceName
        role = membership.role
        createdAtMilliseconds = membership.createdAtMilliseconds
    }

    private enum CodingKeys: String, CodingKey {
        case id, name, role, createdAtMilliseconds = "created_at_ms"
    }

    static let schema = Schema.named(
        "Workspace",
        .object([
            .required("id", .uuid), .required("name", .text),
            .required("role", .choice(WorkspaceRole.allCases.map(\.rawValue)), "the caller's"),
            .required("created_at_ms", .unixMilliseconds),
        ]))
}

struct MemberJSON: Encodable {
    let accountID: AccountID
    let handle: String
    let displayName: String
    let role: WorkspaceRole
    let createdAtMilliseconds: Int64

    init(_ member: Member) {
        accountID = member.account
        handle = member.handle
        displayName = member.displayName
        role = member.role
        createdAtMilliseconds = member.createdAtMilliseconds
    }

    private enum CodingKeys: String, CodingKey {
        case accountID = "account_id", handle, displayName = "display_name", role
        case createdAtMilliseconds = "created_at_ms"
    }

    static let schema = Schema.named(
        "Member",
        .object([
            .required("account_id", .uuid), .required("handle", .text),
            .required("display_name", .text),
            .required("role", .choice(WorkspaceRole.allCases.map(\.rawValue))),
            .required("created_at_ms", .unixMilliseconds),
        ]))
}
