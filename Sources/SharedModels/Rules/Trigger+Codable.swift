extension Trigger: Codable {
    private enum Kind: String, Codable {
        case comment, gift, likeMilestone = "like_milestone", follow, share, join, subscribe
        case input
    }

    private enum CodingKeys: String, CodingKey { case type, match, gift, every, input }

    /// The written name of the case, as in JSON.
    package var type: String { kind.rawValue }

    private var kind: Kind {
        switch self {
        case .comment: .comment
        case .gift: .gift
        case .likeMilestone: .likeMilestone
        case .follow: .follow
        case .share: .share
        case .join: .join
        case .subscribe: .subscribe
        case .input: .input
        }
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        switch try values.decode(Kind.self, forKey: .type) {
        case .comment:
            self = .comment(try values.decodeIfPresent(TextMatch.self, forKey: .match))
        case .gift:
            self = .gift(try values.decode(GiftMatch.self, forKey: .gift))
        case .likeMilestone:
            self = .likeMilestone(every: try values.decode(Int.self, forKey: .every))
        case .follow: self = .follow
        case .share: self = .share
        case .join: self = .join
        case .subscribe: self = .subscribe
        case .input: self = .input(try values.decode(InputMatch.self, forKey: .input))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(kind, forKey: .type)
        switch self {
        case .comment(let match): try values.encodeIfPresent(match, forKey: .match)
        case .gift(let match): try values.encode(match, forKey: .gift)
        case .likeMilestone(let every): try values.encode(every, forKey: .every)
        case .input(let match): try values.encode(match, forKey: .input)
        case .follow, .share, .join, .subscribe: break
        }
    }
}

extension Condition: Codable {
    private enum Kind: String, Codable {
        case role, source, handle, notHandle = "not_handle"
    }

    private enum CodingKeys: String, CodingKey { case type, any }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        switch try values.decode(Kind.self, forKey: .type) {
        case .role: self = .anyRole(try values.decode(ViewerRoles.self, forKey: .any))
        case .source: self = .anySource(try values.decode([SourceKind].self, forKey: .any))
        case .handle: self = .handleIn(try values.decode([String].self, forKey: .any))
        case .notHandle: self = .handleNotIn(try values.decode([String].self, forKey: .any))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .anyRole(let roles):
            try values.encode(Kind.role, forKey: .type)
            try values.encode(roles, forKey: .any)
        case .anySource(let sources):
            try values.encode(Kind.source, forKey: .type)
            try values.encode(sources, forKey: .any)
        case .handleIn(let handles):
            try values.encode(Kind.handle, forKey: .type)
            try values.encode(handles, forKey: .any)
        case .handleNotIn(let handles):
            try values.encode(Kind.notHandle, forKey: .type)
            try values.encode(handles, forKey: .any)
        }
    }
}
