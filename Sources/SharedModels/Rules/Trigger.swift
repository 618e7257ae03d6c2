/// Which live events a rule looks at.
package enum Trigger: Hashable, Sendable {
    /// A comment whose text matches; nil matches every comment.
    case comment(TextMatch?)
    case gift(GiftMatch)
    /// Each time the room's likes pass a multiple of `every` (1 to 1,000,000,000).
    case likeMilestone(every: Int)
    case follow
    case share
    case join
    case subscribe
    /// An input of a board changed; holds with and without a livestream.
    case input(InputMatch)
}

/// How a comment's text is compared. Both sides are folded first: case, width and accents do
/// not matter (`FoldedText` in Rules says exactly how).
package struct TextMatch: Hashable, Sendable, Codable {
    package enum Mode: String, Hashable, Sendable, Codable, CaseIterable {
        /// The whole text, white space around it aside.
        case exact
        /// The text begins with it.
        case prefix
        /// It stands in the text with no letter or digit on either side.
        case word
        /// It stands anywhere.
        case contains
    }

    package var mode: Mode
    /// 1 to 100 characters before folding, at least one after.
    package var text: String

    package static let textLengthMax = 100

    package init(mode: Mode, text: String) {
        self.mode = mode
        self.text = text
    }
}

/// Which gifts trigger a rule, and how often.
package struct GiftMatch: Hashable, Sendable, Codable {
    package enum Firing: String, Hashable, Sendable, Codable, CaseIterable {
        /// Once for each gift sent: a frame that adds 5 makes 5 cues, at most `eachMax`.
        case each
        /// Once for each frame that adds something.
        case increment
        /// Once when the streak ends; late by nature (TikTok: about 3.3 s).
        case comboEnd = "combo_end"
    }

    /// The most cues that one frame makes with `Firing.each`.
    package static let eachMax = 50

    /// Only the gift with this number; nil for any.
    package var giftID: Int64?
    /// Only gifts with this name (folded as comments are); nil for any.
    package var giftName: String?
    /// Coins of one gift, both inclusive; nil for no bound.
    package var coinsMin: Int?
    package var coinsMax: Int?
    package var firing: Firing

    package init(
        giftID: Int64? = nil, giftName: String? = nil, coinsMin: Int? = nil, coinsMax: Int? = nil,
        firing: Firing = .each
    ) {
        self.giftID = giftID
        self.giftName = giftName
        self.coinsMin = coinsMin
        self.coinsMax = coinsMax
        self.firing = firing
    }

    private enum CodingKeys: String, CodingKey {
        case giftID = "gift_id", giftName = "gift_name", coinsMin = "coins_min"
        case coinsMax = "coins_max", firing
    }
}

/// What must also hold before a matched rule makes a cue.
package enum Condition: Hashable, Sendable {
    /// The viewer has at least one of the roles.
    case anyRole(ViewerRoles)
    /// The event came from one of these sources (1 to 8).
    case anySource([SourceKind])
    /// The viewer's handle is one of these (1 to 100), compared folded.
    case handleIn([String])
    /// The viewer's handle is none of these (1 to 100), compared folded.
    case handleNotIn([String])
}
