package import SharedModels

/// One message of the Webcast protocol, as far as we read it. All values are owned and within
/// `LiveLimits`. Field numbers stand beside each part in `WebcastMessage+Decoding`.
package struct WebcastMessage: Hashable, Sendable {
    /// The id that a repeat of the message carries too; 0 if there is none.
    package var messageID: Int64 = 0
    package var roomID: Int64 = 0
    /// When TikTok made the message, Unix milliseconds; 0 if it does not say.
    package var createdAtMilliseconds: Int64 = 0
    /// Who did it; nil if the message names nobody.
    package var viewer: Viewer?
    package var content: Content

    /// What the message says.
    package enum Content: Hashable, Sendable {
        case chat(text: String)
        case gift(GiftFrame)
        /// Likes since the viewer's last frame, and what the server calls the room's total,
        /// which runs backwards now and then.
        case like(count: Int, total: Int)
        case follow
        case share
        case join
        case viewers(count: Int)
        case control(ControlAction)
        case deletion(messageIDs: [String], viewerIDs: [String])
        case subscribe
        /// A message that we read but whose action moves nothing (a mute, a pin …).
        case nothing
    }
}

/// What a gift message says about its streak.
package struct GiftFrame: Hashable, Sendable {
    /// The kind of gift, with its price.
    package var gift: Gift
    /// The running total of the streak.
    package var repeatCount: Int
    /// Coins added by this very frame; 0 if the source does not say, and in end frames.
    package var addedCoins: Int
    package var isEnd: Bool
    /// Identifies the streak; its start in Unix milliseconds, in all that was recorded. 0 for
    /// a gift without streaks.
    package var groupID: Int64
    /// Whether the gift can be sent in a streak.
    package var isCombo: Bool
    /// The id of the guest or host it was given to; empty if the source does not say.
    package var recipientID: String

    package init(
        gift: Gift, repeatCount: Int, addedCoins: Int, isEnd: Bool, groupID: Int64,
        isCombo: Bool, recipientID: String = ""
    ) {
        self.gift = gift
        self.repeatCount = repeatCount
        self.addedCoins = addedCoins
        self.isEnd = isEnd
        self.groupID = groupID
        self.isCombo = isCombo
        self.recipientID = recipientID
    }
}
