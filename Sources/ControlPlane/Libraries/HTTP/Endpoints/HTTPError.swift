/// An error as the client sees it: `{"error":{"code","message","fields"},"request_id"}`.
package struct HTTPError: Error, Sendable, Hashable {
    /// What is wrong with one field of the request.
    package struct Field: Sendable, Hashable {
        /// Where it is, such as `actions[2].channel` or `limit`.
        package let path: String
        package let message: String

        package init(path: String, message: String) {
            self.path = path
            self.message = message
        }
    }

    package let status: Status
    /// A `snake_case` word a program can act on.
    package let code: String
    /// A sentence a person can read.
    package let message: String
    package let fields: [Field]
    /// Seconds after which a repeat may succeed; sent as `Retry-After`.
    package let retryAfterSeconds: Int?

    package init(
        _ status: Status, _ code: String, _ message: String, fields: [Field] = [],
        retryAfterSeconds: Int? = nil
    ) {
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields
        self.retryAfterSeconds = retryAfterSeconds
    }

    package static let notFound = HTTPError(.notFound, "not_found", "There is nothing here.")
    package static let unauthenticated = HTTPError(
        .unauthorized, "unauthenticated", "Sign in first.")
    package static let forbidden = HTTPError(
        .forbidden, "forbidden", "You may not do this.")

    package static func notFound(_ what: String) -> HTTPError {
        HTTPError(.notFound, "not_found", "There is no such \(what).")
    }

    package static func conflict(_ code: String, _ message: String) -> HTTPError {
        HTTPError(.conflict, code, message)
    }

    package static func badRequest(_ code: String, _ message: String) -> HTTPError {
        HTTPError(.badRequest, code, message)
    }

    /// 422 with the fields that are wrong.
    package static func invalid(_ fields: [Field]) -> HTTPError {
        HTTPError(
            .unprocessable, "invalid", "Some fields are not valid.", fields: fields)
    }

    package static func tooManyRequests(retryAfterSeconds: Int) -> HTTPError {
        HTTPError(
            .tooManyRequests, "too_many_requests", "Too many requests; wait a little.",
            retryAfterSeconds: retryAfterSeconds)
    }

    static func bodyTooLarge(_ limit: Int) -> HTTPError {
        HTTPError(
            .contentTooLarge, "body_too_large", "The body may have at most \(limit) bytes.")
    }
}

/// An error that knows what the client should be told. Everything else becomes 500.
package protocol HTTPRepresentable: Error {
    var httpError: HTTPError { get }
}

extension HTTPError: HTTPRepresentable {
    package var httpError: HTTPError { self }
}
