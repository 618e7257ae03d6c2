/// What can go wrong with agents, devices and commands.
package enum DevicesError: Error, Equatable, Sendable {
    /// A field of a request, and what is wrong with it.
    case invalid(path: String, message: String)
    case notFound(String)
    /// The agent token is unknown, used up, revoked or expired; which is not said.
    case wrongAgentToken
    /// Another agent has that key already.
    case keyTaken
    /// The request is not signed by the agent's key, or too old, or the agent is revoked.
    case wrongSignature
    case tooMany(String)
    /// Several fields of a request, and what is wrong with each.
    case invalidFields([InvalidField])
    /// The board keeps no sequences; a sentence that says why.
    case noSequences(String)
    /// The board is not armed, or stopped, so nothing of it can be unlocked.
    case notArmed
    /// The board cannot be flashed now: a word and a sentence that say why.
    case cannotFlash(String, String)
}

extension DevicesError {
    /// A field of a request, and what is wrong with it.
    package struct InvalidField: Equatable, Sendable {
        package let path: String
        package let message: String
    }
}
