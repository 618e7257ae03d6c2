package import HTTP

extension DevicesError: HTTPRepresentable {
    package var httpError: HTTPError {
        switch self {
        case .invalid(let path, let message):
            .invalid([HTTPError.Field(path: path, message: message)])
        case .invalidFields(let fields):
            .invalid(fields.map { HTTPError.Field(path: $0.path, message: $0.message) })
        case .noSequences(let reason): .conflict("no_sequences", reason)
        case .notFound(let what): .notFound(what)
        case .wrongAgentToken:
            HTTPError(
                .unauthorized, "wrong_agent_token",
                "This agent token does not serve: unknown, used, revoked or expired.")
        case .keyTaken: .conflict("key_taken", "Another agent has this key.")
        case .wrongSignature:
            HTTPError(
                .unauthorized, "wrong_signature",
                "The request is not signed by the agent's key, or its clock is far off.")
        case .notArmed:
            .conflict("not_armed", "The board is not armed, or it is stopped.")
        case .cannotFlash(let code, let message): .conflict(code, message)
        case .tooMany(let what): .conflict("too_many", "There are too many \(what).")
        }
    }
}
