/// Firmware that an agent can flash onto a board of its kind.
package struct FirmwareOffer: Hashable, Sendable, Codable {
    /// How many an agent tells of.
    package static let offersMax = 64

    /// The kind of board, as in its manifest.
    package let board: String
    package let version: String
    /// 8 hex digits, as the firmware says of itself.
    package let build: String

    package init(board: String, version: String, build: String) {
        self.board = board
        self.version = version
        self.build = build
    }

    /// What is out of its limits, as a sentence for people; nil if nothing is.
    package var problem: String? {
        guard Limits.isWord(board, 1...24), Limits.isPlain(version, 1...24),
            FirmwareOffer.isBuild(build)
        else { return "firmware is not named as firmware is" }
        return nil
    }

    /// Whether a text may be the build of firmware.
    package static func isBuild(_ text: String) -> Bool {
        text.utf8.count == 8 && UInt32(text, radix: 16) != nil
            && text.utf8.allSatisfy { $0 != UInt8(ascii: "+") }
    }
}

extension AgentState {
    /// Whether it says the same as another but for how a flashing goes on.
    package func isSame(but other: AgentState?) -> Bool {
        guard let other, flashing?.id == other.flashing?.id,
            flashing?.status == other.flashing?.status
        else { return false }
        func rest(_ state: AgentState) -> AgentState {
            AgentState(
                isOnline: state.isOnline, version: state.version,
                startedAtMilliseconds: state.startedAtMilliseconds,
                stopSequence: state.stopSequence, isStopped: state.isStopped,
                boards: state.boards, firmware: state.firmware)
        }
        return rest(self) == rest(other)
    }
}

/// What an agent is to flash; the payload of the `flash` topic. It names an image of the agent's
/// own library and carries none: nothing that comes from the network is ever written to a board.
package struct FlashOrder: Hashable, Sendable, Codable {
    /// How late it may come, milliseconds.
    package static let lifetimeMilliseconds: Int64 = 10_000

    /// An agent does the same order once.
    package let id: FlashJobID
    package let board: BoardUID
    /// The kind of board that it is for, as in its manifest.
    package let kind: String
    package let build: String
    /// After this it is not begun any more. Unix milliseconds UTC.
    package let expiresAtMilliseconds: Int64

    package init(
        id: FlashJobID, board: BoardUID, kind: String, build: String, expiresAtMilliseconds: Int64
    ) {
        self.id = id
        self.board = board
        self.kind = kind
        self.build = build
        self.expiresAtMilliseconds = expiresAtMilliseconds
    }

    private enum CodingKeys: String, CodingKey {
        case id, board = "board_uid", kind, build, expiresAtMilliseconds = "expires_at_ms"
    }

    /// What is out of its limits, as a sentence for people; nil if nothing is.
    package var problem: String? {
        FirmwareOffer(board: kind, version: "0", build: build).problem
    }
}

/// How an order stands, as its agent says.
package struct FlashReport: Hashable, Sendable, Codable {
    package enum Status: String, Hashable, Sendable, Codable, CaseIterable {
        case running
        /// The board runs the new build and has said so.
        case flashed
        /// Board or image will not do; nothing was written.
        case refused
        /// It could not begin; nothing was written.
        case failed
        /// The new firmware did not prove itself; the former one is back and has proved itself.
        case putBack = "put_back"
        /// The board may have no firmware that runs.
        case stranded

        package var isEnd: Bool { self != .running }
    }

    package static let reasonBytesMax = 600

    package let id: FlashJobID
    package let status: Status
    /// A word for what is being done, or was last: `writing`, `awaiting_hello` …
    package let step: String
    /// 0 to 100 within the step; nil if it has no measure.
    package let percent: Int?
    /// Why it ended so, and what to do, for people; empty if all is well.
    package let reason: String

    package init(
        id: FlashJobID, status: Status, step: String, percent: Int? = nil, reason: String = ""
    ) {
        self.id = id
        self.status = status
        self.step = step
        self.percent = percent
        self.reason = Limits.cut(reason, bytes: Self.reasonBytesMax)
    }

    /// What is out of its limits, as a sentence for people; nil if nothing is.
    package var problem: String? {
        guard Limits.isWord(step, 0...32), (0...100).contains(percent ?? 0),
            reason == Limits.cut(reason, bytes: Self.reasonBytesMax)
        else { return "the report of a flashing is out of its limits" }
        return nil
    }
}
