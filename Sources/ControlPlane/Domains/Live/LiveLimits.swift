/// Every maximum of the Live domain, with what happens at it.
package enum LiveLimits {
    /// Bytes of one push frame as it comes from the socket; a larger frame is refused.
    package static let frameBytes = 1 << 20
    /// Bytes of one inflated payload; a frame that inflates to more is refused.
    package static let inflatedBytes = 8 << 20
    /// Inflated bytes above which the buffer is given back after the frame.
    package static let inflateBufferKeptBytes = 256 << 10
    /// Messages of one frame; the rest of the frame is dropped and counted.
    package static let messagesPerFrame = 4_096
    /// Headers of one push frame that are looked at; the rest are skipped.
    package static let headersPerFrame = 64
    /// Ids in one deletion; the rest are dropped.
    package static let deletionsPerMessage = 256
    /// Nested protobuf groups; deeper ones are malformed.
    package static let groupDepth = 16

    /// Bytes of a comment; longer text is cut on a character border.
    package static let commentBytes = 2_000
    /// Bytes of a shown name; cut on a character border.
    package static let nameBytes = 128
    /// Bytes of a handle, an id or the name of a gift; cut on a character border.
    package static let wordBytes = 64
    /// Bytes of a frame's `internal_ext`, which is echoed in the ack; longer is not echoed.
    package static let acknowledgementBytes = 16 << 10
    /// Bytes of a method name that is kept for counting.
    package static let methodBytes = 64

    /// Message ids remembered against repeats; the oldest is forgotten.
    package static let rememberedMessages = 4_096
    /// Gift streaks remembered, ended ones included; the one longest silent is forgotten.
    package static let streaks = 4_096
    /// Silence after which a streak counts as ended.
    package static let streakSilence = Duration.seconds(60)
    /// How long an ended streak is remembered, so that late frames add nothing.
    package static let streakMemory = Duration.seconds(600)
    /// Largest running total of one streak; a gift message that tells of more is refused.
    package static let streakTotal = 1_000_000
    /// Largest price of one gift in coins, twice that of the dearest there is; a gift message that
    /// tells of more is refused.
    package static let giftCoins = 100_000
    /// Coins that the gifts of one frame may add; a gift message beyond is refused.
    package static let frameCoins = 10_000_000
    /// Largest total of likes that a source may report; a larger one is left aside.
    package static let likesTotal = 10_000_000_000
    /// Likes of one frame; more are read as this.
    package static let likesPerFrame = 15
    /// Largest total of likes, coins or viewers: the largest integer that JSON readers keep exactly.
    package static let counter = 9_007_199_254_740_991
    /// Different unknown methods counted by name; the rest are counted together.
    package static let countedMethods = 128
    /// Events kept for the console; the oldest is dropped.
    package static let recentEvents = 200

    /// Bytes of one record of a capture, or one line of recorded messages; larger is refused.
    package static let captureRecordBytes = 2 << 20

    /// Livestreams of one workspace that are live at once; more are refused.
    package static let livestreamsPerWorkspace = 10
    /// Characters of a title; longer is refused.
    package static let titleCharacters = 120
    /// Livestreams taken over from a process that died, at once; the rest follow.
    package static let takenOverAtOnce = 100
    /// How long a process holds a livestream without renewing.
    package static let lease = Duration.seconds(15)
    /// Longer than any process takes a lease for; one that lasts longer has no holder.
    package static let leaseMax = Duration.seconds(300)
    /// How often leases are renewed and lost ones looked for.
    package static let leaseRenewal = Duration.seconds(5)
    /// How much earlier than the database a holder takes its lease as expired.
    package static let leaseMargin = Duration.seconds(2)

    /// How often the totals of livestreams are written down: what a killed process loses.
    package static let totalsPause = Duration.seconds(1)
    /// Livestreams whose totals are written with one statement.
    package static let totalsBatch = 500
    /// Likes beyond the last written total whose milestones count as passed once a process was
    /// killed, and at least twice what came between the last two writings.
    package static let likesMargin = 15

    /// Events that wait for the database; the oldest are dropped and counted.
    package static let waitingEvents = 50_000
    /// Events written with one statement.
    package static let eventBatch = 500
    /// How long a batch gathers.
    package static let eventBatchPause = Duration.milliseconds(100)
    /// How long to wait after the database refused a batch.
    package static let eventRetryPause = Duration.seconds(1)
    /// Accounts whose names are remembered; all are forgotten at the limit.
    package static let rememberedViewers = 10_000
    /// How long the names of an account are remembered.
    package static let viewerMemory = Duration.seconds(60)
}
