/// The places between which a crash makes a difference: before and after each writing of the journal
/// and of the line.
package enum JournalStep: String, Sendable, CaseIterable {
    // Of every command that is done, each once.
    case beforeAccept, afterAccept, beforeWrite, afterWrite, beforeFinish, afterFinish
    // Of one that had to wait: between its acceptance and its frame.
    case beforeMark, afterMark
    // When the broker has outcomes, and when a command comes again that has ended.
    case beforeForget, afterForget, beforeRepeat, afterRepeat
}
