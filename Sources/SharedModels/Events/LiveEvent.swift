/// One normalised happening in a livestream, whatever source it came from, or on the stage itself.
package struct LiveEvent: Hashable, Sendable, Codable {
    package let id: LiveEventID
    /// Nil for what boards say: it happens whether a livestream runs or not.
    package let livestream: LivestreamID?
    package let source: SourceKind
    /// The source's own message id; the same happening arriving twice carries the same one.
    /// Empty if the source has none. At most 64 bytes.
    package let sourceMessageID: String
    /// Who did it; nil for happenings of the room itself (viewer counts, control).
    package let viewer: Viewer?
    package let happening: Happening
    /// When the source says it happened, Unix milliseconds UTC; 0 if it does not say.
    package let createdAtMilliseconds: Int64
    /// True if the source marks it as old or dates it before the connection. History is shown
    /// and never moves hardware.
    package let isHistory: Bool

    package init(
        id: LiveEventID, livestream: LivestreamID?, source: SourceKind, sourceMessageID: String,
        viewer: Viewer?, happening: Happening, createdAtMilliseconds: Int64, isHistory: Bool
    ) {
        self.id = id
        self.livestream = livestream
        self.source = source
        self.sourceMessageID = sourceMessageID
        self.viewer = viewer
        self.happening = happening
        self.createdAtMilliseconds = createdAtMilliseconds
        self.isHistory = isHistory
    }

    private enum CodingKeys: String, CodingKey {
        case id, livestream = "livestream_id", source, sourceMessageID = "source_message_id"
        case viewer, happening, createdAtMilliseconds = "created_at_ms", isHistory = "is_history"
    }
}

/// Where live events come from.
package enum SourceKind: String, Hashable, Sendable, Codable, CaseIterable {
    case native, tiktok, replay
    /// Inputs of boards; no livestream has it.
    case hardware

    /// What a livestream may come from.
    package static let ofLivestreams: [SourceKind] = [.native, .tiktok, .replay]
}
