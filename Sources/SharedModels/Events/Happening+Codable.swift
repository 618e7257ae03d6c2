extension Happening: Codable {
    private enum Kind: String, Codable {
        case comment, gift, giftEnded = "gift_ended", like, follow, share, join, subscribe
        case viewers, control, deleted, input
    }

    private enum CodingKeys: String, CodingKey {
        case type, text, gift, streak, like, count, action, input
        case messageIDs = "message_ids", viewerIDs = "viewer_ids"
    }

    /// The written name of the case, as in JSON and metrics.
    package var type: String { kind.rawValue }

    private var kind: Kind {
        switch self {
        case .comment: .comment
        case .gift: .gift
        case .giftEnded: .giftEnded
        case .like: .like
        case .follow: .follow
        case .share: .share
        case .join: .join
        case .subscribe: .subscribe
        case .viewers: .viewers
        case .control: .control
        case .deleted: .deleted
        case .input: .input
        }
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        switch try values.decode(Kind.self, forKey: .type) {
        case .comment: self = .comment(text: try values.decode(String.self, forKey: .text))
        case .gift: self = .gift(try values.decode(GiftIncrement.self, forKey: .gift))
        case .giftEnded: self = .giftEnded(try values.decode(GiftStreak.self, forKey: .streak))
        case .like: self = .like(try values.decode(LikeIncrement.self, forKey: .like))
        case .follow: self = .follow
        case .share: self = .share
        case .join: self = .join
        case .subscribe: self = .subscribe
        case .viewers: self = .viewers(count: try values.decode(Int.self, forKey: .count))
        case .control: self = .control(try values.decode(ControlAction.self, forKey: .action))
        case .deleted:
            self = .deleted(
                messageIDs: try values.decode([String].self, forKey: .messageIDs),
                viewerIDs: try values.decode([String].self, forKey: .viewerIDs))
        case .input: self = .input(try values.decode(InputReading.self, forKey: .input))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(kind, forKey: .type)
        switch self {
        case .comment(let text): try values.encode(text, forKey: .text)
        case .gift(let increment): try values.encode(increment, forKey: .gift)
        case .giftEnded(let streak): try values.encode(streak, forKey: .streak)
        case .like(let increment): try values.encode(increment, forKey: .like)
        case .viewers(let count): try values.encode(count, forKey: .count)
        case .control(let action): try values.encode(action, forKey: .action)
        case .deleted(let messageIDs, let viewerIDs):
            try values.encode(messageIDs, forKey: .messageIDs)
            try values.encode(viewerIDs, forKey: .viewerIDs)
        case .input(let reading): try values.encode(reading, forKey: .input)
        case .follow, .share, .join, .subscribe: break
        }
    }
}
