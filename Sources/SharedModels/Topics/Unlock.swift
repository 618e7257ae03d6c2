/// Which dangerous channels of a board may be used, and for how long; the payload of the `unlock`
/// topic. It replaces what was unlocked before, and ends with its time, an E-stop, or whatever else
/// disarms the board.
package struct Unlock: Hashable, Sendable, Codable {
    package static let durationMaxSeconds = 3600
    /// How late it may come, milliseconds.
    package static let lifetimeMilliseconds: Int64 = 10_000

    package let board: BoardUID
    /// By name, at most `BoardManifest.channelsMax`; none locks all of them.
    package let channels: [String]
    /// 1 to `durationMaxSeconds`, from when the board takes it.
    package let durationSeconds: Int
    /// After this it is not done any more. Unix milliseconds UTC.
    package let expiresAtMilliseconds: Int64

    package init(
        board: BoardUID, channels: [String], durationSeconds: Int, expiresAtMilliseconds: Int64
    ) {
        self.board = board
        self.channels = channels
        self.durationSeconds = durationSeconds
        self.expiresAtMilliseconds = expiresAtMilliseconds
    }

    private enum CodingKeys: String, CodingKey {
        case board = "board_uid", channels, durationSeconds = "for_s"
        case expiresAtMilliseconds = "expires_at_ms"
    }

    /// What is out of its limits, as a sentence for people; nil if nothing is.
    package var problem: String? {
        guard channels.count <= BoardManifest.channelsMax else { return "too many channels" }
        guard (1...Self.durationMaxSeconds).contains(durationSeconds) else {
            return "the time is out of range"
        }
        return nil
    }
}
