import SharedModels
import Testing

@testable import Live

@Suite("LiveRoom")
struct LiveRoomTests {
    private let ann = Viewer(id: "a", handle: "ann", name: "Ann")

    private func makeRoom() -> LiveRoom {
        LiveRoom(livestream: .init(high: 1, low: 1), source: .tiktok, seed: 1)
    }

    private func chat(_ text: String, id: Int64) -> [UInt8] {
        Frames.push([Frames.envelope("WebcastChatMessage", Frames.chat(text, id: id))], reply: "r")
    }

    @Test("a frame gives events and the acknowledgement it asks for")
    func frame() throws {
        var room = makeRoom()
        let intake = try room.ingest(frame: chat("hi", id: 1), now: .at(0))
        #expect(intake.events.map(\.happening) == [.comment(text: "hi")])
        #expect(intake.acknowledgement != nil)
        let again = try room.ingest(frame: chat("hi", id: 1), now: .at(0))
        #expect(again.events.isEmpty)
        #expect(room.summary.repeats == 1)
    }

    @Test("a broken frame throws, is counted, and the room goes on")
    func brokenFrame() throws {
        var room = makeRoom()
        var failure: WebcastError?
        do throws(WebcastError) {
            _ = try room.ingest(frame: [0x42, 0x7F], now: .at(0))
        } catch {
            failure = error
        }
        #expect(failure == .malformed(.truncated))
        #expect(room.summary.counters.badFrames == 1)
        let next = try room.ingest(frame: chat("hi", id: 1), now: .at(0))
        #expect(next.events.count == 1)
    }

    @Test("what came before the connection is history")
    func history() throws {
        var room = makeRoom()
        room.connected(now: .at(0))
        let intake = try room.ingest(frame: chat("old", id: 1), now: .at(1))
        #expect(intake.events.map(\.isHistory) == [true])
    }

    @Test("deeds of our own viewers become native events, each once")
    func deeds() throws {
        var room = makeRoom()
        let rose = Gift(id: 1, name: "Rose", coins: 5)
        var taken: [LiveEvent] = []
        let deeds: [NativeDeed] = [
            .comment(text: "hi"), .gift(rose, count: 3), .like(count: 99), .follow, .share, .join,
        ]
        for (index, deed) in deeds.enumerated() {
            for _ in 0..<2 {
                if let event = room.take(deed, by: ann, id: "k\(index)", now: .at(0)) {
                    taken.append(event)
                }
            }
        }
        #expect(taken.count == deeds.count)
        #expect(taken.allSatisfy { $0.source == .native && $0.viewer == ann })
        guard case .gift(let increment) = taken[1].happening else {
            Issue.record("no gift")
            return
        }
        #expect(increment.count == 3)
        #expect(increment.coins == 15)
        #expect(taken[2].happening == .like(LikeIncrement(count: 15, total: 15)))
        #expect(room.summary.refusedDeeds == deeds.count)
        #expect(room.summary.coins == 15)
        #expect(room.summary.likes == 15)
    }

    @Test("hostile deeds are bounded or refused")
    func hostileDeeds() throws {
        var room = makeRoom()
        let long = String(repeating: "é", count: 5_000)
        let viewer = Viewer(id: long, handle: long, name: long)
        let taken = room.take(.comment(text: long), by: viewer, id: long, now: .at(0))
        let event = try #require(taken)
        #expect(event.happening == .comment(text: String(repeating: "é", count: 1_000)))
        #expect(event.viewer?.name.utf8.count == LiveLimits.nameBytes)
        #expect(event.sourceMessageID.utf8.count == LiveLimits.wordBytes)
        for deed in [.comment(text: ""), .like(count: 0), .like(count: .min)] as [NativeDeed] {
            let refused = room.take(deed, by: viewer, id: "", now: .at(0))
            #expect(refused == nil)
        }
        let gift = Gift(id: 1, name: long, coins: .max)
        let gifted = room.take(.gift(gift, count: .max), by: viewer, id: "g", now: .at(0))
        guard case .gift(let increment) = gifted?.happening else {
            Issue.record("no gift")
            return
        }
        #expect(increment.coins == NativeDeed.giftCount * LiveLimits.giftCoins)
    }

    @Test("the last events are kept in order and no more than the limit")
    func recent() throws {
        var room = makeRoom()
        for id in 1...Int64(LiveLimits.recentEvents + 30) {
            _ = try room.ingest(frame: chat("\(id)", id: id), now: .at(0))
        }
        let recent = room.recentEvents
        #expect(recent.count == LiveLimits.recentEvents)
        #expect(recent.first?.happening == .comment(text: "31"))
        #expect(recent.last?.happening == .comment(text: "230"))
    }

    @Test("control from the source and by hand sets the state")
    func control() throws {
        var room = makeRoom()
        let started = room.control(.started, now: .at(0))
        #expect(started.happening == .control(.started))
        #expect(room.summary.state == .started)
        var body = ProtobufWriter()
        body.integer(2, 4)
        let frame = Frames.push([Frames.envelope("WebcastControlMessage", body.bytes)])
        let events = try room.ingest(frame: frame, now: .at(0)).events
        #expect(events.map(\.happening) == [.control(.suspended)])
        #expect(room.summary.state == .suspended)
    }

    @Test("deletions name the messages and viewers to cancel")
    func deletions() throws {
        var room = makeRoom()
        var body = ProtobufWriter()
        body.integer(2, 7)
        body.content(2, [8, 0x96, 0x01])
        body.integer(3, 9)
        let frame = Frames.push([Frames.envelope("WebcastImDeleteMessage", body.bytes)])
        let events = try room.ingest(frame: frame, now: .at(0)).events
        #expect(
            events.map(\.happening) == [
                .deleted(messageIDs: ["7", "8", "150"], viewerIDs: ["9"])
            ])
    }
}
