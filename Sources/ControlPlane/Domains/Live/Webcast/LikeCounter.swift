package import SharedModels

/// The likes of one livestream. The totals that a source reports run backwards now and then, so
/// ours is the largest seen; likes from our own viewers are added to it.
package struct LikeCounter: Sendable {
    package private(set) var reported: Int
    package private(set) var own: Int

    /// - Parameters: what was counted before.
    package init(reported: Int = 0, own: Int = 0) {
        self.reported = reported
        self.own = own
    }

    package var total: Int { min(reported + own, LiveLimits.counter) }

    /// A frame of the source: `count` likes, and the total it reports; a total beyond
    /// `LiveLimits.likesTotal` is left aside.
    package mutating func frame(count: Int, total: Int) -> LikeIncrement {
        if total <= LiveLimits.likesTotal { reported = max(reported, total) }
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
