package import SharedModels

/// The likes of one livestream. The totals that a source reports run backwards now and then, so
/// ours is the largest seen; likes from our own viewers are added to it.
package struct LikeCounter: Sendable {
    private var reported = 0
    private var own = 0

    package init() {}

    package var total: Int { min(reported + own, LiveLimits.counter) }

    /// A frame of the source: `count` likes, and the total it reports.
    package mutating func frame(count: Int, total: Int) -> LikeIncrement {
        reported = max(reported, min(max(total, 0), LiveLimits.counter))
        return LikeIncrement(
            count: min(max(count, 0), LiveLimits.likesPerFrame), total: self.total)
    }

    /// Likes through our own API, at most `LiveLimits.likesPerFrame` at once.
    package mutating func add(_ count: Int) -> LikeIncrement {
        let count = min(max(count, 0), LiveLimits.likesPerFrame)
        own = min(own + count, LiveLimits.counter)
        return LikeIncrement(count: count, total: total)
    }
}
