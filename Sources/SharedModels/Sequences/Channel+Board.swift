extension Channel {
    /// Names the board itself where a channel is named; no channel can have this name.
    package static let boardName = "*"

    /// Why the board itself cannot do such an operation.
    func boardRefusal(of operation: Operation) -> String? {
        switch operation {
        case .play, .stop:
            onMaxMilliseconds > 0
                ? nil
                : "the board keeps no sequences: its firmware speaks EP/1.0, or it has no memory "
                    + "for them"
        default: "the board itself plays and stops; name a channel to \"\(operation.type)\""
        }
    }
}

extension BoardManifest {
    /// The board itself in the place of a channel. It may be on for as long as a sequence takes, or
    /// not at all if it keeps none.
    package var boardChannel: Channel {
        Channel(
            id: .max, name: Channel.boardName, kind: .board, pin: -1,
            onMaxMilliseconds: sequencesRefusal == nil
                ? ChannelSequence.Limits.timeMaxMilliseconds : 0)
    }
}
