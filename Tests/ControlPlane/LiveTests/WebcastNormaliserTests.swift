import SharedModels
import Testing

@testable import Live

@Suite("WebcastNormaliser")
struct WebcastNormaliserTests {
    private static let livestream = LivestreamID(high: 1, low: 2)

    private func normaliser(host: String? = nil) -> WebcastNormaliser {
        WebcastNormaliser(livestream: Self.livestream, source: .tiktok, hostID: host, seed: 1)
    }

    private func message(
        _ content: WebcastMessage.Content, id: Int64 = 0, createdAt: Int64 = 0,
        viewer: Viewer? = Viewer(id: "5", handle: "ann", name: "Ann")
    ) -> WebcastMessage {
        var message = WebcastMessage(content: content)
        message.messageID = id
        message.createdAtMilliseconds = createdAt
        message.viewer = viewer
        return message
    }

    private func add(
        _ messages: [WebcastMessage], to normaliser: inout WebcastNormaliser,
        isHistory: Bool = false
    ) -> [LiveEvent] {
        var events: [LiveEvent] = []
        for message in messages {
            normaliser.add(message, isHistory: isHistory, now: .at(1), to: &events)
        }
        return events
    }

    @Test("each message becomes its event, with ids, source and times")
    func mapping() throws {
        var subject = normaliser()
        let events = add(
            [
                message(.chat(text: "hi"), id: 1, createdAt: 7), message(.follow), message(.share),
                message(.join), message(.subscribe), message(.viewers(count: 3), viewer: nil),
                message(.control(.ended), viewer: nil), message(.nothing),
                message(.deletion(messageIDs: ["1"], viewerIDs: ["5"]), viewer: nil),
            ], to: &subject)
        #expect(
            events.map(\.happening) == [
                .comment(text: "hi"), .follow, .share, .join, .subscribe, .viewers(count: 3),
                .control(.ended), .deleted(messageIDs: ["1"], viewerIDs: ["5"]),
            ])
        #expect(events[0].sourceMessageID == "1")
        #expect(events[0].createdAtMilliseconds == 7)
        #expect(events[0].livestream == Self.livestream)
        #expect(Set(events.map(\.id)).count == events.count)
        #expect(events.allSatisfy { !$0.isHistory && $0.source == .tiktok })
    }

    @Test("the same seed and messages give the same events")
    func deterministic() {
        var first = normaliser()
        var second = normaliser()
        let messages = [message(.follow, id: 1), message(.chat(text: "x"), id: 2)]
        #expect(add(messages, to: &first) == add(messages, to: &second))
    }

    @Test("a message that comes again is dropped, within the window")
    func repeats() {
        var subject = normaliser()
        let all = (1...Int64(LiveLimits.rememberedMessages)).map { message(.follow, id: $0) }
        #expect(add(all + all, to: &subject).count == all.count)
        #expect(subject.repeats == all.count)
        _ = add([message(.follow, id: 1_000_000)], to: &subject)
        #expect(add([message(.follow, id: 2)], to: &subject).isEmpty)
        #expect(add([message(.follow, id: 1)], to: &subject).count == 1)
    }

    @Test("what is marked as old or made before the connection is history")
    func history() {
        var subject = normaliser()
        #expect(
            add([message(.follow, id: 1)], to: &subject, isHistory: true).map(\.isHistory)
                == [true])
        subject.connected(atUnixMilliseconds: 1_000)
        let events = add(
            [
                message(.follow, id: 2, createdAt: 999), message(.follow, id: 3, createdAt: 1_000),
                message(.follow, id: 4, createdAt: 0),
            ], to: &subject)
        #expect(events.map(\.isHistory) == [true, false, false])
    }

    @Test("the host is marked and gifts to guests name the guest")
    func guests() {
        var subject = normaliser(host: "77")
        var frame = GiftFrame(
            gift: Gift(id: 1, name: "Rose", coins: 1), repeatCount: 1, addedCoins: 1,
            isEnd: false, groupID: 4, isCombo: true, recipientID: "77")
        let toHost = message(.gift(frame), id: 1)
        frame.recipientID = "88"
        frame.groupID = 5
        let toGuest = message(.gift(frame), id: 2)
        let byHost = message(
            .chat(text: "x"), id: 3, viewer: Viewer(id: "77", handle: "h", name: "H"))
        let events = add([toHost, toGuest, byHost], to: &subject)
        let guests = events.map { event -> String? in
            if case .gift(let increment) = event.happening { increment.guestID } else { nil }
        }
        #expect(guests == [nil, "88", nil])
        #expect(events[2].viewer?.roles == .host)
    }

    @Test("a silent streak ends by itself, with its viewer")
    func silentStreak() throws {
        var subject = normaliser()
        let frame = GiftFrame(
            gift: Gift(id: 1, name: "Rose", coins: 1), repeatCount: 2, addedCoins: 2,
            isEnd: false, groupID: 4, isCombo: true)
        _ = add([message(.gift(frame), id: 1)], to: &subject)
        #expect(subject.tick(now: .at(30)).isEmpty)
        let event = try #require(subject.tick(now: .at(62)).first)
        #expect(event.viewer?.id == "5")
        guard case .giftEnded(let streak) = event.happening else {
            Issue.record("\(event.happening)")
            return
        }
        #expect(streak.total == 2)
    }

    @Test("likes never run backwards, whatever the source says")
    func likes() {
        var subject = normaliser()
        let events = add(
            [
                message(.like(count: 15, total: 100), id: 1),
                message(.like(count: 3, total: 90), id: 2),
                message(.like(count: 1, total: 104), id: 3),
                message(.like(count: 1, total: 0), id: 4),
            ], to: &subject)
        #expect(
            events.map(\.happening) == [
                .like(LikeIncrement(count: 15, total: 100)),
                .like(LikeIncrement(count: 3, total: 100)),
                .like(LikeIncrement(count: 1, total: 104)),
                .like(LikeIncrement(count: 1, total: 104)),
            ])
        #expect(subject.ownLikes(40) == LikeIncrement(count: 15, total: 119))
    }

    @Test(
        "recorded likes never run backwards",
        .enabled(if: Recordings.isPresent, "the folder shared/webcast is absent"))
    func recordedLikes() throws {
        var counters: [String: LikeCounter] = [:]
        var last: [String: Int] = [:]
        var wentBack = 0
        var source: [String: Int] = [:]
        for row in try Recordings.rows("likes.json", Recordings.LikeRow.self) {
            let increment = counters[row.room, default: LikeCounter()]
                .frame(count: row.count, total: row.total)
            #expect(increment.total >= last[row.room] ?? 0)
            #expect(increment.total >= row.total)
            #expect((0...LiveLimits.likesPerFrame).contains(increment.count))
            if row.total < source[row.room] ?? 0 { wentBack += 1 }
            source[row.room] = row.total
            last[row.room] = increment.total
        }
        #expect(wentBack > 0, "the recording should run backwards somewhere")
    }
}
