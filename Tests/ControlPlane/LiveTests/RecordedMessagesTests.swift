import SharedModels
import Testing

@testable import Live

@Suite(
    "Recorded messages",
    .enabled(if: Recordings.isPresent, "the folder shared/webcast is absent"))
struct RecordedMessagesTests {
    @Test("every recorded message decodes, and the known ones carry what they should")
    func all() throws {
        let messages = try Recordings.messages()
        #expect(messages.count == 971)
        var decoder = WebcastDecoder()
        for message in messages {
            let decoded = Decoded(
                Frames.push([Frames.envelope(message.type, message.payload)], gzip: true), &decoder)
            #expect(decoded.bad == 0, "\(message.type)")
            #expect(decoded.messages.count + decoded.unknown.count == 1)
            guard let known = decoded.messages.first else { continue }
            #expect(known.messageID != 0)
            #expect(known.createdAtMilliseconds > 1_690_000_000_000)
            switch known.content {
            case .control, .deletion, .viewers: #expect(known.viewer == nil)
            case .nothing: Issue.record("\(message.type) says nothing")
            default: #expect(known.viewer?.handle.isEmpty == false)
            }
        }
        let known = messages.count - decoder.counters.unknown.values.reduce(0, +)
        #expect(known == 64 + 72 + 70 + 69 + 95 + 92 + 8 + 5 + 1)
        #expect(decoder.counters.badMessages == 0)
    }

    @Test("the gift messages say the same as the list made from them")
    func gifts() throws {
        let rows = try Recordings.rows("gift-streaks.json", Recordings.GiftRow.self)
        var frames: [GiftFrame] = []
        for message in try Recordings.messages() where message.type == "WebcastGiftMessage" {
            let decoded = Decoded(Frames.push([Frames.envelope(message.type, message.payload)]))
            guard case .gift(var frame) = decoded.messages.first?.content else {
                Issue.record("not a gift")
                continue
            }
            #expect(!frame.recipientID.isEmpty)
            frame.recipientID = ""
            frames.append(frame)
        }
        // The list and the messages are different halves of one recording, so they overlap.
        var compared = 0
        for frame in frames {
            let same = rows.map(\.frame).first {
                $0.groupID == frame.groupID && $0.gift.id == frame.gift.id
                    && $0.repeatCount == frame.repeatCount && $0.isEnd == frame.isEnd
            }
            guard let same else { continue }
            compared += 1
            #expect(same == frame)
        }
        #expect(compared > 25)
    }

    @Test("cutting a recorded message anywhere neither traps nor hurts its neighbours")
    func truncation() throws {
        let good = Frames.envelope("WebcastChatMessage", Frames.chat("good", id: 1))
        var seen: Set<String> = []
        for message in try Recordings.messages() where seen.insert(message.type).inserted {
            let step = max(1, message.payload.count / 400)
            for size in stride(from: 0, to: message.payload.count, by: step) {
                let cut = Frames.envelope(message.type, Array(message.payload[..<size]))
                let decoded = Decoded(Frames.push([good, cut, good]))
                #expect(decoded.messages.filter { $0.content == .chat(text: "good") }.count == 2)
            }
        }
    }
}
