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
    /// The board is not armed, or stopped, so nothing of it can be unlocked.
    case notArmed
    /// The board cannot be flashed now: a word and a sentence that say why.
    case cannotFlash(String, String)
}
