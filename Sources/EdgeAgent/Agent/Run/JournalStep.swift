/// The places between which a crash makes a difference; each is passed once for a command.
package enum JournalStep: String, Sendable, CaseIterable {
    case beforeAccept, afterAccept, beforeWrite, afterWrite, beforeFinish, afterFinish
}
