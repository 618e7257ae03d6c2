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

    @Test("what a frame holds beyond the limit of messages is left out, and told")
    func leftOut() throws {
        var room = makeRoom()
        let envelopes = (0...LiveLimits.messagesPerFrame).map {
            Frames.envelope("WebcastChatMessage", Frames.chat("x", id: Int64($0 + 1)))
        }
        let intake = try room.ingest(frame: Frames.push(envelopes), now: .at(0))
        #expect(intake.events.count == LiveLimits.messagesPerFrame)
        #expect(intake.droppedMessages == 1)
        #expect(room.summary.counters.droppedMessages == 1)
        let next = try room.ingest(frame: chat("hi", id: 9_999), now: .at(0))
        #expect(next.droppedMessages == 0)
    }

    @Test(
        "a gift whose numbers cannot be true is refused, and the totals go on",
        arguments: [
            (total: 1, coins: Int.max, price: 1), (1, LiveLimits.frameCoins + 1, 1),
            (1, 0, Int.max), (1, 1, LiveLimits.giftCoins + 1), (Int.max, 0, 1),
            (LiveLimits.streakTotal + 1, 1, 1), (LiveLimits.streakTotal, 0, LiveLimits.giftCoins),
        ])
    func hostileGift(total: Int, coins: Int, price: Int) throws {
        var room = makeRoom()
        let frame = Frames.gift(
            id: 1, total: total, coins: coins, price: price, streak: 50, createdAt: 60)
        let intake = try room.ingest(frame: frame, now: .at(0))
        #expect(intake.events.isEmpty)
        #expect(intake.implausible == 1)
        #expect(room.summary.coins == 0)
        let honest = Frames.gift(id: 2, total: 3, coins: 3, streak: 50, createdAt: 61)
        #expect(try room.ingest(frame: honest, now: .at(0)).implausible == 0)
        #expect(room.summary.coins == 3)
        #expect(room.summary.implausible == 1)
    }

    @Test("the gifts of one frame add at most the limit of coins; those of the next count again")
    func frameOfGifts() throws {
        var room = makeRoom()
        let messages = (1...200).map { number -> [UInt8] in
            var body = ProtobufWriter()
            body.message(1) { $0.integer(2, Int64(number)) }
            body.integer(2, 5_655)
            body.integer(5, 1)
            body.message(7) { $0.integer(1, Int64(number)) }
            body.integer(11, Int64(number))
            body.message(15) { $0.integer(12, Int64(LiveLimits.giftCoins)) }
            return Frames.envelope("WebcastGiftMessage", body.bytes)
        }
        let intake = try room.ingest(frame: Frames.push(messages), now: .at(0))
        #expect(room.summary.coins == LiveLimits.frameCoins)
        #expect(intake.events.count + intake.implausible == 200)
        let next = Frames.gift(id: 999, total: 7, coins: 7, streak: 50, createdAt: 60)
        _ = try room.ingest(frame: next, now: .at(1))
        #expect(room.summary.coins == LiveLimits.frameCoins + 7)
    }

    @Test("a total of likes that cannot be true is left aside")
    func hostileLikes() throws {
        var room = makeRoom()
        _ = try room.ingest(
            frame: Frames.like(id: 1, count: 5, total: 100, createdAt: 1), now: .at(0))
        let intake = try room.ingest(
            frame: Frames.like(id: 2, count: 5, total: .max, createdAt: 2), now: .at(0))
        #expect(intake.implausible == 1)
        #expect(room.summary.likes == 100)
    }

    /// What moves hardware: the gifts and likes that are not history.
    private func live(_ intake: LiveRoom.Intake) -> [Happening] {
        intake.events.filter { !$0.isHistory }.map(\.happening)
    }

    private func resumed(_ totals: LiveTotals, source: SourceKind = .replay) -> LiveRoom {
        LiveRoom(livestream: .init(high: 1, low: 1), source: source, seed: 2, resuming: totals)
    }

    @Test(
        "a resumed room goes on from its totals; a streak from before is history but for what is new"
    )
    func resumedStreak() throws {
        var room = LiveRoom(livestream: .init(high: 1, low: 1), source: .replay, seed: 1)
        _ = try room.ingest(
            frame: Frames.gift(id: 1, total: 40, coins: 40, streak: 1_000, createdAt: 2_000),
            now: .at(0))
        #expect(room.totals.coins == 40)
        var heir = resumed(room.totals)
        let intake = try heir.ingest(
            frame: Frames.gift(id: 2, total: 45, coins: 2, streak: 1_000, createdAt: 3_000),
            now: .at(9))
        #expect(intake.events.map(\.isHistory) == [true, false])
        guard case .gift(let increment) = live(intake).first else {
            Issue.record("no live gift")
            return
        }
        // What came while nobody listened, 41 to 43, cannot be told from what was acted on.
        #expect(increment.count == 2)
        #expect(heir.summary.coins == 42)
        let end = try heir.ingest(
            frame: Frames.gift(
                id: 3, total: 45, coins: 0, streak: 1_000, createdAt: 4_000, isEnd: true),
            now: .at(10))
        #expect(end.events.count == 1)
        #expect(heir.summary.coins == 42)
    }

    @Test("a resumed room that sees the end of a streak first moves nothing")
    func resumedEnd() throws {
        var heir = resumed(LiveTotals(coins: 40))
        let intake = try heir.ingest(
            frame: Frames.gift(
                id: 3, total: 45, coins: 0, streak: 1_000, createdAt: 4_000, isEnd: true),
            now: .at(0))
        #expect(
            live(intake).allSatisfy { if case .giftEnded = $0 { true } else { false } })
        #expect(heir.summary.coins == 40)
    }

    @Test("a streak that begins in a resumed room counts whole, missed frames included")
    func streakAfterResuming() throws {
        var heir = resumed(LiveTotals(coins: 40))
        _ = try heir.ingest(
            frame: Frames.like(id: 1, count: 1, total: 1, createdAt: 5_000), now: .at(0))
        _ = try heir.ingest(
            frame: Frames.gift(id: 2, total: 5, coins: 1, streak: 6_000, createdAt: 6_100),
            now: .at(0))
        #expect(heir.summary.coins == 45)
    }

    @Test("likes go on after a restart; what the source counted meanwhile is history")
    func resumedLikes() throws {
        var heir = resumed(LiveTotals(viewers: 7, likesReported: 90, likesOwn: 5, state: .paused))
        #expect(heir.summary.likes == 95)
        #expect(heir.summary.viewers == 7)
        #expect(heir.summary.state == .paused)
        let intake = try heir.ingest(
            frame: Frames.like(id: 1, count: 3, total: 120, createdAt: 1), now: .at(0))
        #expect(
            intake.events.map(\.happening) == [
                .like(LikeIncrement(count: 0, total: 122)),
                .like(LikeIncrement(count: 3, total: 125)),
            ])
        #expect(intake.events.map(\.isHistory) == [true, false])
        let next = try heir.ingest(
            frame: Frames.like(id: 2, count: 3, total: 130, createdAt: 2), now: .at(0))
        #expect(next.events.map(\.isHistory) == [false])
        #expect(heir.totals.likesReported == 130)
        #expect(heir.totals.likesOwn == 5)
    }

    @Test("a like that tells no total, or an impossible one, does not end the gap")
    func gapWithoutTotal() throws {
        var heir = resumed(LiveTotals(likesReported: 90))
        for (id, total) in [(Int64(1), 0), (2, Int.max)] {
            let frame = Frames.like(id: id, count: 3, total: total, createdAt: id)
            #expect(try heir.ingest(frame: frame, now: .at(0)).events.map(\.isHistory) == [false])
        }
        let frame = Frames.like(id: 3, count: 3, total: 500, createdAt: 3)
        #expect(
            try heir.ingest(frame: frame, now: .at(0)).events.map(\.isHistory) == [true, false])
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
