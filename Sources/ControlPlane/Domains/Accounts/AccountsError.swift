/// What can go wrong with accounts and workspaces.
package enum AccountsError: Error, Equatable, Sendable {
    /// A field of a request, and what is wrong with it.
    package struct Field: Equatable, Sendable {
        package let path: String
        package let message: String

        package init(_ path: String, _ message: String) {
            self.path = path
            self.message = message
        }
    }

    case invalid([Field])
    case emailTaken
    case handleTaken
    /// The address or the password is wrong; which one is not said.
    case wrongLogin
    case tooManyTries(retryAfterSeconds: Int)
    case wrongRefreshToken
    /// The token had served before; its session is over.
    case refreshTokenReused
    case tooManyWorkspaces
    case tooManyMembers
    /// A workspace keeps at least one owner.
    case lastOwner
    case notFound(String)
}
