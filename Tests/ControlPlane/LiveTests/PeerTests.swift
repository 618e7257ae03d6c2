import Foundation
import SharedModels
import Testing

@testable import Live

/// An independent implementation of the protocol in Python, `piratetok-live-py` 0.3 from PyPI,
/// where `python3`, or the one that CUELIGHT_PYTHON names, can import it.
private enum Peer {
    static let python = ProcessInfo.processInfo.environment["CUELIGHT_PYTHON"] ?? "python3"

    static let isPresent: Bool = {
        let isThere = (try? run("import piratetok_live", [])) != nil
        if !isThere {
            FileHandle.standardError.write(
                Data("SKIPPED: piratetok-live-py is not importable (CUELIGHT_PYTHON)\n".utf8))
        }
        return isThere
    }()

    /// Runs a program with the lines of a file as its input; gives back the lines it prints.
    static func run(_ program: String, _ lines: [String]) throws -> [String] {
        let file = FileManager.default.temporaryDirectory
            .appendingPathComponent("cuelight-peer-\(UUID().uuidString)")
        try Data(lines.joined(separator: "\n").utf8).write(to: file)
        defer { unlink(file.path) }
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [python, "-c", program]
        process.standardInput = try FileHandle(forReadingFrom: file)
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw CocoaError(.featureUnsupported) }
        return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// Reads frames in base64, prints for each message what both sides know of it.
    static let reader = """
        import base64, json, sys
        from piratetok_live.connection.frames import decompress_if_gzipped
        from piratetok_live.proto import schema as s
        for line in sys.stdin:
            frame = s.WebcastPushFrame().parse(base64.b64decode(line))
            assert frame.payload_type == "msg" and frame.payload_encoding == "pb"
            answer = s.WebcastResponse().parse(decompress_if_gzipped(frame.payload))
            for m in answer.messages:
                kind = getattr(s, m.method, None)
                try:
                    b = kind().parse(m.payload)
                except Exception:
                    continue
                common = [str(b.common.msg_id), str(b.common.room_id), str(b.common.create_time)]
                def user(u): return [str(u.id), u.nickname, u.unique_id]
                n = m.method
                if n == "WebcastChatMessage": row = common + user(b.user) + [b.content]
                elif n == "WebcastGiftMessage":
                    row = common + user(b.user) + [str(v) for v in (b.gift_id,
                        b.fan_ticket_count, b.repeat_count, b.repeat_end, b.group_id,
                        b.gift.diamond_count)] + [b.gift.name]
                elif n == "WebcastLikeMessage":
                    row = common + user(b.user) + [str(b.count), str(b.total)]
                elif n == "WebcastSocialMessage":
                    row = common + user(b.user) + ["follow" if b.action == 1 else "share"]
                elif n == "WebcastMemberMessage": row = common + user(b.user)
                elif n == "WebcastRoomUserSeqMessage": row = common + [str(b.viewer_count)]
                elif n == "WebcastControlMessage": row = common + [str(b.action)]
                else: continue
                print(json.dumps(row))
        """

    static func row(_ message: WebcastMessage) -> [String]? {
        let common = [message.messageID, message.roomID, message.createdAtMilliseconds]
            .map { String($0) }
        let user = message.viewer.map { [$0.id, $0.name, $0.handle] } ?? []
        switch message.content {
        case .chat(let text): return common + user + [text]
        case .gift(let frame):
            let numbers = [
                frame.gift.id, Int64(frame.addedCoins), Int64(frame.repeatCount),
                frame.isEnd ? 1 : 0, frame.groupID, Int64(frame.gift.coins),
            ]
            return common + user + numbers.map { String($0) } + [frame.gift.name]
        case .like(let count, let total): return common + user + [String(count), String(total)]
        case .follow: return common + user + ["follow"]
        case .share: return common + user + ["share"]
        case .join: return common + user
        case .viewers(let count): return common + [String(count)]
        case .control(let action):
            let number = [.paused: 1, .resumed: 2, .ended: 3, .suspended: 4][action] ?? 0
            return common + [String(number)]
        case .deletion, .subscribe, .nothing: return nil
        }
    }
}

@Suite(
    "Webcast beside an independent implementation",
    .enabled(if: Peer.isPresent, "piratetok-live-py is not importable"))
struct PeerTests {
    private func compare(_ frames: [[UInt8]], atLeast count: Int) throws {
        let printed = try Peer.run(Peer.reader, frames.map { Data($0).base64EncodedString() })
        let theirs = try printed.map {
            try JSONDecoder().decode([String].self, from: Data($0.utf8))
        }
        var decoder = WebcastDecoder()
        let ours = frames.flatMap { Decoded($0, &decoder).messages.compactMap(Peer.row) }
        #expect(ours.count == theirs.count)
        #expect(ours.count >= count)
        for (our, their) in zip(ours, theirs) { #expect(our == their) }
    }

    @Test("reads our made-up shows as we do")
    func shows() throws {
        var script = SyntheticShow.Script()
        script.isDetailed = true
        script.packing = .gzip(level: 6)
        try compare(SyntheticShow.frames(script).map(\.bytes), atLeast: 200)
        try compare(SyntheticShow.frames(.init()).map(\.bytes), atLeast: 200)
    }

    @Test(
        "reads the recorded messages as we do",
        .enabled(if: Recordings.isPresent, "the folder shared/webcast is absent"))
    func recordings() throws {
        let frames = try Recordings.messages().map {
            Frames.push([Frames.envelope($0.type, $0.payload)], gzip: true)
        }
        try compare(frames, atLeast: 400)
    }

    @Test("writes the frames of a client byte for byte as we do")
    func clientFrames() throws {
        let printed = try Peer.run(
            """
            from piratetok_live.connection.frames import *
            print(build_heartbeat("7300000000000000001").hex())
            print(build_enter_room("7300000000000000001").hex())
            print(build_ack(9223372036854775807, b"internal|ext:1").hex())
            """, [])
        let ours = [
            OutgoingFrame.heartbeat(roomID: 7_300_000_000_000_000_001),
            OutgoingFrame.enterRoom(roomID: 7_300_000_000_000_000_001),
            OutgoingFrame.acknowledgement(
                logID: .max, internalExtension: Array("internal|ext:1".utf8)),
        ]
        #expect(printed == ours.map { $0.map { String(format: "%02x", $0) }.joined() })
    }

    @Test("writes frames that we read")
    func theirFrames() throws {
        let printed = try Peer.run(
            """
            import base64, gzip
            from piratetok_live.proto import schema as s
            def frame(payload, headers):
                return base64.b64encode(bytes(s.WebcastPushFrame(seq_id=1, log_id=5,
                    headers=headers, payload_encoding="pb", payload_type="msg",
                    payload=payload))).decode()
            chat = s.WebcastChatMessage(common=s.Common(msg_id=7, create_time=1),
                user=s.User(id=9, nickname="Zoë", unique_id="zoe"), content="héllo",
                user_identity=s.UserIdentity(is_moderator_of_anchor=True))
            gift = s.WebcastGiftMessage(common=s.Common(msg_id=8), user=s.User(id=9), gift_id=5655,
                fan_ticket_count=2, repeat_count=2, group_id=3,
                gift=s.GiftStruct(id=5655, name="Rose", type=1, combo=True, diamond_count=1))
            answer = bytes(s.WebcastResponse(messages=[
                s.ResponseMessage(method="WebcastChatMessage", payload=bytes(chat), msg_id=7,
                    is_history=True),
                s.ResponseMessage(method="WebcastGiftMessage", payload=bytes(gift), msg_id=8)],
                cursor="c", internal_ext=b"ext", needs_ack=True))
            print(frame(answer, {}))
            print(frame(gzip.compress(answer), {"compress_type": "gzip", "im-cursor": "x"}))
            """, [])
        #expect(printed.count == 2)
        for line in printed {
            let frame = Array(try #require(Data(base64Encoded: line)))
            let decoded = Decoded(frame)
            #expect(decoded.isHistory == [true, false])
            #expect(
                decoded.messages.first?.viewer
                    == Viewer(id: "9", handle: "zoe", name: "Zoë", roles: .moderator))
            #expect(
                decoded.messages.map(\.content) == [
                    .chat(text: "héllo"),
                    .gift(
                        GiftFrame(
                            gift: Gift(id: 5_655, name: "Rose", coins: 1), repeatCount: 2,
                            addedCoins: 2, isEnd: false, groupID: 3, isCombo: true)),
                ])
            #expect(
                decoded.receipt?.acknowledgement
                    == OutgoingFrame.acknowledgement(logID: 5, internalExtension: Array("ext".utf8))
            )
        }
    }
}
