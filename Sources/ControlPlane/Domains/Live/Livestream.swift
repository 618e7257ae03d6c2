package import SharedModels

/// One LIVE broadcast as its workspace knows it.
package struct Livestream: Hashable, Sendable {
    package let id: LivestreamID
    package let workspace: WorkspaceID
    /// 1 to 120 characters.
    package let title: String
    /// Where frames come from. Viewers of our own are heard in all of them.
    package let source: SourceKind
    /// The source's id of the host; empty if unknown.
    package let hostID: String
    package let createdBy: AccountID
    package let createdAtMilliseconds: Int64
    /// Nil while it is live.
    package let endedAtMilliseconds: Int64?

    package var isLive: Bool { endedAtMilliseconds == nil }
}

/// A live event on its way to the rules, with what they need around it.
package struct LiveDelivery: Hashable, Sendable {
    package let workspace: WorkspaceID
    package let event: LiveEvent
    /// When its bytes were read, `CLOCK_MONOTONIC` nanoseconds: the start of its trace.
    package let arrivedNanoseconds: Int64
    /// How old it was then by the source's clock, milliseconds; −1 if the source does not say.
    package let sourceAgeMilliseconds: Int64
}

/// What can go wrong with livestreams.
package enum LiveError: Error, Equatable, Sendable {
    case notFound
    case ended
    /// Another process holds the livestream, or nobody does at the moment. Try again soon.
    case elsewhere
    case tooManyLivestreams
    case unknownGift
    /// The deed says nothing: an empty comment, no likes.
    case emptyDeed
    case badFrame(WebcastError)
}
