internal import Platform
internal import SharedModels

/// A viewer of a made-up show.
struct SyntheticViewer: Sendable {
    let id: Int64
    let name: String
    let handle: String
    let roles: ViewerRoles
}

/// Writes single Webcast messages in their envelopes, field by field as `WebcastMessage` reads
/// them, with as much around them as real ones have if asked.
struct SyntheticMessage: Sendable {
    let roomID: Int64
    /// Whether to add pictures, badges and display texts, which are most of a real message.
    let isDetailed: Bool
    private(set) var lastMessageID: Int64

    init(roomID: Int64, isDetailed: Bool) {
        self.roomID = roomID
        self.isDetailed = isDetailed
        lastMessageID = roomID &+ 1_000
    }

    mutating func chat(_ viewer: SyntheticViewer, _ text: String, at time: Int64) -> [UInt8] {
        envelope("WebcastChatMessage", at: time) { shape, writer in
            shape.user(2, viewer, &writer)
            writer.text(3, text)
            shape.identity(18, viewer, &writer)
        }
    }

    mutating func gift(
        _ viewer: SyntheticViewer, _ gift: Gift, group: Int64, total: Int, added: Int,
        isEnd: Bool, at time: Int64
    ) -> [UInt8] {
        envelope("WebcastGiftMessage", at: time) { shape, writer in
            writer.integer(2, gift.id)
            writer.integer(3, Int64(added * gift.coins))
            writer.integer(4, 1)
            writer.integer(5, Int64(total))
            writer.integer(6, Int64(total))
            shape.user(7, viewer, &writer)
            writer.flag(9, isEnd)
            writer.integer(11, group)
            writer.message(15) {
                if shape.isDetailed { shape.picture(1, "gift/\(gift.id)", &$0) }
                $0.integer(5, gift.id)
                $0.flag(10, group != 0)
                $0.integer(11, group != 0 ? 1 : 2)
                $0.integer(12, Int64(gift.coins))
                $0.text(16, gift.name)
            }
            shape.identity(32, viewer, &writer)
        }
    }

    mutating func like(
        _ viewer: SyntheticViewer, count: Int, total: Int, at time: Int64
    ) -> [UInt8] {
        envelope("WebcastLikeMessage", at: time) { shape, writer in
            writer.integer(2, Int64(count))
            writer.integer(3, Int64(total))
            shape.user(5, viewer, &writer)
        }
    }

    /// `action` 1 follow, 3 share.
    mutating func social(_ viewer: SyntheticViewer, action: Int64, at time: Int64) -> [UInt8] {
        envelope("WebcastSocialMessage", at: time) { shape, writer in
            shape.user(2, viewer, &writer)
            writer.integer(4, action)
        }
    }

    mutating func join(_ viewer: SyntheticViewer, count: Int, at time: Int64) -> [UInt8] {
        envelope("WebcastMemberMessage", at: time) { shape, writer in
            shape.user(2, viewer, &writer)
            writer.integer(3, Int64(count))
            writer.integer(10, 1)
        }
    }

    mutating func viewers(_ count: Int, at time: Int64) -> [UInt8] {
        envelope("WebcastRoomUserSeqMessage", at: time) { $1.integer(3, Int64(count)) }
    }

    mutating func control(_ action: Int64, at time: Int64) -> [UInt8] {
        envelope("WebcastControlMessage", at: time) { $1.integer(2, action) }
    }

    mutating func deletion(messageID: Int64, at time: Int64) -> [UInt8] {
        envelope("WebcastImDeleteMessage", at: time) { $1.integer(2, messageID) }
    }

    /// A message of a method that nobody reads.
    mutating func unknown(_ method: String, at time: Int64) -> [UInt8] {
        envelope(method, at: time) { $1.text(2, "?") }
    }

    /// A chat message whose body says that it is longer than it is.
    mutating func malformed(at time: Int64) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.text(1, "WebcastChatMessage")
        writer.content(2, [0x0A, 0x7F, 0x10])
        return writer.bytes
    }

    private mutating func envelope(
        _ method: String, at time: Int64, _ write: (SyntheticMessage, inout ProtobufWriter) -> Void
    ) -> [UInt8] {
        lastMessageID += 1
        var body = ProtobufWriter()
        body.message(1) {
            $0.text(1, method)
            $0.integer(2, lastMessageID)
            $0.integer(3, roomID)
            $0.integer(4, time)
            $0.flag(6, true)
            if isDetailed { displayText(8, &$0) }
        }
        write(self, &body)
        var writer = ProtobufWriter()
        writer.text(1, method)
        writer.content(2, body.bytes)
        writer.integer(3, lastMessageID)
        return writer.bytes
    }

    private func user(_ number: UInt32, _ viewer: SyntheticViewer, _ writer: inout ProtobufWriter) {
        writer.message(number) {
            $0.integer(1, viewer.id)
            $0.text(3, viewer.name)
            if isDetailed { picture(9, "avatar/\(viewer.id)", &$0) }
            $0.message(22) { $0.integer(3, viewer.roles.contains(.follower) ? 1 : 0) }
            $0.text(38, viewer.handle)
            if isDetailed {
                $0.text(46, "MS4wLjABAAAA" + String(repeating: viewer.handle, count: 6))
                for level in 0..<2 { badge(64, level, &$0) }
            }
        }
    }

    private func identity(
        _ number: UInt32, _ viewer: SyntheticViewer, _ writer: inout ProtobufWriter
    ) {
        writer.message(number) {
            $0.flag(1, viewer.roles.contains(.gifter))
            $0.flag(2, viewer.roles.contains(.subscriber))
            $0.flag(4, viewer.roles.contains(.follower))
            $0.flag(5, viewer.roles.contains(.moderator))
        }
    }

    private func picture(_ number: UInt32, _ name: String, _ writer: inout ProtobufWriter) {
        writer.message(number) {
            // Like signed addresses, these hardly compress.
            var chance = SplitMix(seed: UInt64(Gzip.checksum(Array(name.utf8))))
            let file = String(chance.next(), radix: 16) + String(chance.next(), radix: 16)
            for server in 1...4 {
                let signature = String(chance.next(), radix: 36)
                $0.text(
                    1,
                    "https://p\(server)-sign.example.invalid/obj/\(file)~tplv-resize:100:100.webp"
                        + "?lk3s=a5d48078&nonce=\(chance.below(100_000))"
                        + "&refresh_token=\(signature)&x-expires=1700000000&x-signature="
                        + String(chance.next(), radix: 36) + "%3D")
            }
            $0.text(2, name)
            $0.text(5, "#7A5353")
        }
    }

    private func badge(_ number: UInt32, _ level: Int, _ writer: inout ProtobufWriter) {
        writer.message(number) {
            $0.integer(1, 4)
            $0.integer(3, level == 0 ? 8 : 10)
            $0.message(12) { $0.text(5, "\(level + 3)") }
            picture(20, "badge/\(level)", &$0)
        }
    }

    private func displayText(_ number: UInt32, _ writer: inout ProtobufWriter) {
        writer.message(number) {
            $0.text(1, "pm_mt_live_message")
            $0.text(2, "{0:user} {1:string}")
            $0.message(3) {
                $0.text(1, "#ffffffff")
                $0.integer(4, 400)
            }
        }
    }
}
