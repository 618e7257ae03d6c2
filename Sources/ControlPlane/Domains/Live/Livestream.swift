package import SharedModels

/// One LIVE broadcast as its workspace knows it.
package struct Livestream: Hashable, Sendable {
    package let id: LivestreamID
    package let workspace: WorkspaceID
    /// As `SingleLineName.make` answers it, at most `LiveLimits.titleCharacters`.
    package let title: String
    /// Where frames come from. Viewers of our own are heard in all of them.
    package let source: SourceKind
    /// The source's id of the host; empty if unknown.
    package let hostID: String
    package let createdBy: AccountID
    package let createdAtMilliseconds: Int64
    /// Nil while it is live.
    package let endedAtMilliseconds: Int64?
    /// As they were written down last.
    package var totals = LiveTotals()

    package var isLive: Bool { endedAtMilliseconds == nil }
}

/// How a livestream stands, as far as it must outlive the process that holds it. All at least 0.
package struct LiveTotals: Hashable, Sendable {
    package var viewers = 0
    /// The largest total that the source reported.
    package var likesReported = 0
    /// Likes of our own viewers.
    package var likesOwn = 0
    /// Milestones up to this many likes have been passed, as far as anybody can know.
    package var likesPassed = 0
    /// Coins of gifts, without history.
    package var coins = 0
    /// The last control event; nil before the first.
    package var state: ControlAction?

    package var likes: Int { LikeCounter(reported: likesReported, own: likesOwn).total }
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
    case badTitle(SingleLineName.Problem)
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
