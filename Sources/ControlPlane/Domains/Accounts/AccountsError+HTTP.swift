package import HTTP

extension AccountsError: HTTPRepresentable {
    package var httpError: HTTPError {
        switch self {
        case .invalid(let fields):
            .invalid(fields.map { HTTPError.Field(path: $0.path, message: $0.message) })
        case .emailTaken: .conflict("email_taken", "There is an account with this e-mail address.")
        case .handleTaken: .conflict("handle_taken", "This handle is taken.")
        case .wrongLogin:
            HTTPError(.unauthorized, "wrong_login", "The address or the password is wrong.")
        case .tooManyTries(let seconds): .tooManyRequests(retryAfterSeconds: seconds)
        case .wrongRefreshToken:
            HTTPError(.unauthorized, "wrong_refresh_token", "Sign in again.")
        case .refreshTokenReused:
            HTTPError(
                .unauthorized, "refresh_token_reused",
                "This token was used before, so the session was ended. Sign in again.")
        case .tooManyWorkspaces:
            .conflict("too_many_workspaces", "An account has at most 20 workspaces.")
        case .tooManyMembers: .conflict("too_many_members", "A workspace has at most 100 members.")
        case .lastOwner: .conflict("last_owner", "A workspace keeps at least one owner.")
        case .notFound(let what): .notFound(what)
        }
    }
}
