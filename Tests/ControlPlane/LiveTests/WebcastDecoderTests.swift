import SharedModels
import Testing

@testable import Live

@Suite("WebcastDecoder")
struct WebcastDecoderTests {
    @Test("reads messages in plain and in gzip frames", arguments: [false, true])
    func plainAndGzip(gzip: Bool) throws {
        let decoded = Decoded(
            Frames.push(
                [
                    Frames.envelope("WebcastChatMessage", Frames.chat("hi", id: 3), messageID: 3),
                    Frames.envelope("WebcastMystery", [1, 2, 3]),
                    Frames.envelope(
                        "WebcastChatMessage", Frames.chat("old", id: 4), isHistory: true),
                ], gzip: gzip))
        #expect(decoded.messages.map(\.content) == [.chat(text: "hi"), .chat(text: "old")])
        #expect(decoded.messages.map(\.messageID) == [3, 4])
        #expect(decoded.isHistory == [false, true])
        #expect(decoded.unknown == ["WebcastMystery"])
        let viewer = try #require(decoded.messages[0].viewer)
        #expect(viewer == Viewer(id: "5", handle: "ann", name: "Ann"))
    }

    @Test("inflates by the first bytes alone, and by the header")
    func gzipWithoutHeader() {
        let result = Frames.result([
            Frames.envelope("WebcastChatMessage", Frames.chat("x", id: 1))
        ])
        let packed = Gzip.compress(result)
        #expect(Decoded(OutgoingFrame.frame(type: "msg", payload: packed)).messages.count == 1)
        #expect(
            Decoded(OutgoingFrame.frame(type: "msg", payload: Gzip.store(result), isGzip: true))
                .messages.count == 1)
        #expect(
            Decoded(OutgoingFrame.frame(type: "msg", payload: result, isGzip: true)).error
                == .badGzip)
    }

    @Test("asks for an acknowledgement only if the result does")
    func acknowledgement() {
        let frame = Frames.push(
            [Frames.envelope("WebcastChatMessage", Frames.chat("x", id: 1))], reply: "fetch|1")
        #expect(
            Decoded(frame).receipt?.acknowledgement
                == OutgoingFrame.acknowledgement(
                    logID: 77, internalExtension: Array("fetch|1".utf8)))
        #expect(Decoded(Frames.push([])).receipt?.acknowledgement == nil)
        #expect(Decoded(OutgoingFrame.heartbeat(roomID: 1)).receipt?.hasMessages == false)
    }

    @Test("a bad message does not hurt its neighbours and is counted")
    func badNeighbour() {
        let good = Frames.envelope("WebcastChatMessage", Frames.chat("good", id: 1))
        var decoder = WebcastDecoder()
        let decoded = Decoded(
            Frames.push([
                good, Frames.envelope("WebcastChatMessage", [0x12, 0x7F]), [0xFF, 0xFF], [], good,
            ]), &decoder)
        #expect(decoded.messages.count == 2)
        #expect(decoded.bad == 2)
        #expect(decoder.counters.badMessages == 2)
        #expect(decoder.counters.unknown == ["": 1])
    }

    @Test("a cut result keeps the messages before the cut")
    func cutResult() {
        let envelope = Frames.envelope("WebcastChatMessage", Frames.chat("good", id: 1))
        let result = Frames.result([envelope, envelope])
        let cut = OutgoingFrame.frame(type: "msg", payload: Array(result.dropLast(5)))
        var decoder = WebcastDecoder()
        #expect(Decoded(cut, &decoder).messages.count == 1)
        #expect(decoder.counters.badMessages == 1)
    }

    @Test("refuses frames above the limit and bombs, and goes on afterwards")
    func limits() {
        var decoder = WebcastDecoder()
        let large = [UInt8](repeating: 0, count: LiveLimits.frameBytes + 1)
        #expect(Decoded(large, &decoder).error == .frameTooLarge(bytes: large.count))
        let bomb = Gzip.compress([UInt8](repeating: 0, count: LiveLimits.inflatedBytes + 1))
        #expect(
            Decoded(OutgoingFrame.frame(type: "msg", payload: bomb), &decoder).error
                == .inflatedTooLarge)
        #expect(decoder.counters.badFrames == 2)
        let members = (0..<20).flatMap { _ in
            Gzip.compress([UInt8](repeating: 0, count: 1 << 20))
        }
        #expect(
            Decoded(OutgoingFrame.frame(type: "msg", payload: members), &decoder).error
                == .inflatedTooLarge)
        let good = Frames.push(
            [Frames.envelope("WebcastChatMessage", Frames.chat("x", id: 1))], gzip: true)
        #expect(Decoded(good, &decoder).messages.count == 1)
    }

    @Test("a bomb with a lying trailer is refused too")
    func lyingTrailer() {
        var bomb = Gzip.compress([UInt8](repeating: 0, count: LiveLimits.inflatedBytes * 2))
        bomb.replaceSubrange(bomb.count - 4..<bomb.count, with: [1, 0, 0, 0])
        #expect(
            Decoded(OutgoingFrame.frame(type: "msg", payload: bomb)).error == .inflatedTooLarge)
    }

    @Test("inflates the largest allowed payload, and one made of several members")
    func largest() throws {
        // One unknown field of almost the whole size: a valid result without messages.
        var writer = ProtobufWriter()
        writer.content(99, [UInt8](repeating: 7, count: LiveLimits.inflatedBytes - 16))
        let whole = OutgoingFrame.frame(type: "msg", payload: Gzip.compress(writer.bytes))
        #expect(Decoded(whole).error == nil)

        let result = Frames.result([
            Frames.envelope("WebcastChatMessage", Frames.chat("split", id: 1))
        ])
        let half = result.count / 2
        let members = Gzip.compress(Array(result[..<half])) + Gzip.store(Array(result[half...]))
        let decoded = Decoded(OutgoingFrame.frame(type: "msg", payload: members))
        #expect(decoded.messages.first?.content == .chat(text: "split"))
    }

    @Test("reads at most the limit of messages from one frame and counts the rest")
    func messageLimit() {
        let envelopes = Array(repeating: [UInt8](), count: LiveLimits.messagesPerFrame + 10)
        var decoder = WebcastDecoder()
        let decoded = Decoded(Frames.push(envelopes), &decoder)
        #expect(decoded.unknown.count == LiveLimits.messagesPerFrame)
        #expect(decoder.counters.droppedMessages == 10)
    }

    @Test("counts unknown methods by name, up to the limit")
    func unknownNames() {
        var decoder = WebcastDecoder()
        let envelopes = (0..<200).map { Frames.envelope("Webcast\($0)", []) }
        _ = Decoded(Frames.push(envelopes), &decoder)
        #expect(decoder.counters.unknown.count == LiveLimits.countedMethods)
        #expect(decoder.counters.otherUnknown == 200 - LiveLimits.countedMethods)
    }

    @Test("takes roles from the identity of the message, and only without it from the user")
    func roles() throws {
        var user = ProtobufWriter()
        user.message(2) {
            $0.integer(1, 5)
            $0.message(22) { $0.integer(3, 2) }
            $0.message(32) { $0.flag(2, true) }
            $0.message(64) { $0.integer(3, 4) }
        }
        var withIdentity = user
        withIdentity.message(18) {
            $0.flag(1, true)
            $0.flag(4, true)
        }
        let decoded = Decoded(
            Frames.push([
                Frames.envelope("WebcastChatMessage", user.bytes),
                Frames.envelope("WebcastChatMessage", withIdentity.bytes),
            ]))
        #expect(
            decoded.messages.map { $0.viewer?.roles } == [
                [.friend, .follower, .moderator, .subscriber], [.gifter, .follower],
            ])
    }

    @Test("writes the frames of a client as the protocol wants them")
    func outgoing() {
        #expect(
            OutgoingFrame.heartbeat(roomID: 1) == [
                0x32, 2, 0x70, 0x62, 0x3A, 2, 0x68, 0x62, 0x42, 2, 0x08, 1,
            ])
        #expect(
            OutgoingFrame.acknowledgement(logID: 7, internalExtension: [0x61]) == [
                0x10, 7, 0x32, 2, 0x70, 0x62, 0x3A, 3, 0x61, 0x63, 0x6B, 0x42, 1, 0x61,
            ])
        #expect(
            OutgoingFrame.enterRoom(roomID: 1) == [0x32, 2, 0x70, 0x62, 0x3A, 13]
                + Array("im_enter_room".utf8) + [0x42, 17, 0x08, 1, 0x20, 12, 0x2A, 8]
                + Array("audience".utf8) + [0x4A, 1, 0x30])
    }
}
