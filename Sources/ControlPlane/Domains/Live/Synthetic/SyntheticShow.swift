internal import Platform
internal import SharedModels

/// Makes captures of shows that never were: the same script gives the same bytes on every
/// machine. What it holds is what a show holds: comments, some with the keywords, likes whose
/// total runs backwards now and then, gift streaks with an end three seconds late, single gifts,
/// follows, shares, joins, viewer counts, methods that nobody reads, one malformed message, one
/// deleted comment.
package struct SyntheticShow: Sendable {
    /// What kind of show.
    package struct Script: Hashable, Sendable {
        package var seed: UInt64 = 1
        /// 1 to 86,400.
        package var seconds = 60
        /// Messages in ten seconds; a busy real room has 40. 1 to 100,000.
        package var messagesPerTenSeconds = 40
        /// 1 to 1,000,000.
        package var viewers = 40
        /// Every third comment is one of these, in turn.
        package var keywords = ["!light", "!horn", "go left", "go right", "dance"]
        /// When the show starts, Unix milliseconds UTC.
        package var startUnixMilliseconds: Int64 = 1_767_225_600_000
        /// Whether messages carry pictures and badges, and so are as large as real ones.
        package var isDetailed = false
        package var packing = Packing.alternating
        /// Messages in each frame; 0 puts what happens within 200 milliseconds together.
        package var messagesPerFrame = 0

        package init() {}
    }

    /// How payloads are packed.
    package enum Packing: Hashable, Sendable {
        case plain
        /// Gzip of the given level; the bytes depend on the version of the library.
        case gzip(level: Int32)
        /// Every second frame in gzip without compression: the same bytes everywhere.
        case alternating
    }

    private static let names = [
        "Ada", "Bo", "Chidi", "Dana", "Emre", "Fatima", "Gus", "Hana", "Ines", "Jun", "Kofi", "Lea",
        "Mo", "Nia", "Otto", "Pia", "Quinn", "Rosa", "Sven", "Tao",
    ]
    private static let comments = [
        "hello everyone", "this is great", "where are you from?", "lol", "😂😂", "nice setup",
        "first time here", "what does the lamp do?", "again!", "¿qué es eso?", "すごい", "👏👏👏",
    ]
    private static let gifts = [
        Gift(id: 5_655, name: "Rose", coins: 1), Gift(id: 5_487, name: "Finger Heart", coins: 5),
        Gift(id: 5_879, name: "Doughnut", coins: 30),
    ]
    private static let singleGift = Gift(id: 5_509, name: "Sunglasses", coins: 199)
    private static let framesMicroseconds = 200_000

    private struct Planned {
        let offset: Int64
        let bytes: [UInt8]
    }

    private let script: Script
    private var chance: SplitMix
    private var writer: SyntheticMessage
    private var planned: [Planned] = []
    private var likes = 12_000
    private var comments = 0
    private var streaks: Int64 = 0

    private init(_ script: Script) {
        self.script = script
        chance = SplitMix(seed: script.seed)
        writer = SyntheticMessage(
            roomID: 7_300_000_000_000_000_000 + Int64(script.seed % 1_000_000),
            isDetailed: script.isDetailed)
    }

    /// The frames of the show, in order of time.
    package static func frames(_ script: Script) -> [CapturedFrame] {
        var show = SyntheticShow(script)
        show.plan()
        return show.frames()
    }

    /// The show as a capture file.
    package static func capture(_ script: Script) -> [UInt8] {
        var bytes = CaptureFormat.header(startUnixMilliseconds: script.startUnixMilliseconds)
        for frame in frames(script) { bytes += CaptureFormat.record(frame) ?? [] }
        return bytes
    }

    private mutating func plan() {
        let seconds = min(max(script.seconds, 1), 86_400)
        let count = seconds * min(max(script.messagesPerTenSeconds, 1), 100_000) / 10
        let length = Int64(seconds) * 1_000_000
        for index in 0..<count {
            let offset = length * Int64(index) / Int64(count) + Int64(chance.below(40_000))
            planSomething(at: offset)
            if index == count / 2 {
                plan(writer.malformed(at: time(offset)), at: offset)
                let deleted = writer.deletion(messageID: writer.lastMessageID, at: time(offset))
                plan(deleted, at: offset + 1_000)
            }
        }
        plan(writer.control(3, at: time(length)), at: length + 5_000_000)
        // The order of equal times is that of planning: the sort must not change it.
        planned = planned.enumerated().sorted {
            ($0.element.offset, $0.offset) < ($1.element.offset, $1.offset)
        }.map(\.element)
    }

    private mutating func planSomething(at offset: Int64) {
        let viewer = viewer()
        switch chance.below(100) {
        case 0..<27: planLike(viewer, at: offset)
        case 27..<45:
            let count = 200 + chance.below(50)
            plan(writer.join(viewer, count: count, at: time(offset)), at: offset)
        case 45..<70: plan(writer.chat(viewer, comment(), at: time(offset)), at: offset)
        case 70..<80:
            plan(writer.viewers(200 + chance.below(50), at: time(offset)), at: offset)
        case 80..<83: plan(writer.social(viewer, action: 1, at: time(offset)), at: offset)
        case 83..<85: plan(writer.social(viewer, action: 3, at: time(offset)), at: offset)
        case 85..<92: planStreak(viewer, at: offset)
        case 92..<93:
            let gift = writer.gift(
                viewer, Self.singleGift, group: 0, total: 1, added: 1, isEnd: false,
                at: time(offset))
            plan(gift, at: offset)
        default:
            let methods = ["WebcastCaptionMessage", "WebcastRankUpdateMessage", "WebcastNew2027"]
            let method = methods[chance.below(methods.count)]
            plan(writer.unknown(method, at: time(offset)), at: offset)
        }
    }

    private mutating func planLike(_ viewer: SyntheticViewer, at offset: Int64) {
        let count = chance.below(5) < 3 ? 15 : 1 + chance.below(14)
        likes += count
        let lag = chance.below(4) == 0 ? chance.below(30) : 0
        let like = writer.like(viewer, count: count, total: likes - lag, at: time(offset))
        plan(like, at: offset)
    }

    /// Increments about twice a second, then the end 3.3 seconds after the last.
    private mutating func planStreak(_ viewer: SyntheticViewer, at start: Int64) {
        let gift = Self.gifts[chance.below(Self.gifts.count)]
        streaks += 1
        let group = time(start) + streaks
        var offset = start
        var total = 0
        for _ in 0...chance.below(6) {
            let added = 1 + chance.below(3)
            total += added
            let step = writer.gift(
                viewer, gift, group: group, total: total, added: added, isEnd: false,
                at: time(offset))
            plan(step, at: offset)
            offset += 350_000 + Int64(chance.below(300_000))
        }
        offset += 3_000_000
        let end = writer.gift(
            viewer, gift, group: group, total: total, added: 0, isEnd: true, at: time(offset))
        plan(end, at: offset)
    }

    private mutating func comment() -> String {
        comments += 1
        if comments % 3 == 0, !script.keywords.isEmpty {
            return script.keywords[comments / 3 % script.keywords.count]
        }
        return Self.comments[chance.below(Self.comments.count)]
    }

    private mutating func viewer() -> SyntheticViewer {
        let number = chance.below(min(max(script.viewers, 1), 1_000_000))
        let name = Self.names[number % Self.names.count]
        var roles: ViewerRoles = []
        if number % 2 == 0 { roles.insert(.follower) }
        if number % 5 == 0 { roles.insert(.gifter) }
        if number % 11 == 0 { roles.insert(.subscriber) }
        if number == 7 { roles.insert(.moderator) }
        return SyntheticViewer(
            id: 6_800_000_000_000_000_000 + Int64(number) * 7_919, name: "\(name) \(number)",
            handle: "\(name.lowercased()).\(number)", roles: roles)
    }

    private func time(_ offset: Int64) -> Int64 { script.startUnixMilliseconds + offset / 1_000 }

    private mutating func plan(_ bytes: [UInt8], at offset: Int64) {
        planned.append(Planned(offset: offset, bytes: bytes))
    }

    /// Puts what happens within 200 milliseconds into one frame.
    private func frames() -> [CapturedFrame] {
        var frames: [CapturedFrame] = []
        var index = 0
        while index < planned.count {
            var end = index + 1
            while end < planned.count, belongs(end, toFrameFrom: index) { end += 1 }
            let number = Int64(frames.count + 1)
            frames.append(
                CapturedFrame(
                    offsetMicroseconds: planned[end - 1].offset,
                    bytes: frame(planned[index..<end].map(\.bytes), number: number)))
            index = end
        }
        return frames
    }

    private func belongs(_ index: Int, toFrameFrom first: Int) -> Bool {
        if script.messagesPerFrame > 0 { return index - first < script.messagesPerFrame }
        let end = planned[first].offset + Int64(Self.framesMicroseconds)
        return index - first < 20 && planned[index].offset < end
    }

    private func frame(_ envelopes: [[UInt8]], number: Int64) -> [UInt8] {
        let reply = "internal_src:synthetic|seq:\(number)"
        switch script.packing {
        case .plain: return Self.frame(envelopes, number: number, reply: reply) { $0 }
        case .gzip(let level):
            return Self.frame(envelopes, number: number, reply: reply, isGzip: true) {
                Gzip.compress($0, level: level)
            }
        case .alternating where number % 2 == 0:
            return Self.frame(
                envelopes, number: number, reply: reply, isGzip: true, pack: Gzip.store)
        case .alternating: return Self.frame(envelopes, number: number, reply: reply) { $0 }
        }
    }

    private static func frame(
        _ envelopes: [[UInt8]], number: Int64, reply: String, isGzip: Bool = false,
        pack: ([UInt8]) -> [UInt8]
    ) -> [UInt8] {
        var result = ProtobufWriter()
        for envelope in envelopes { result.content(1, envelope) }
        result.text(2, "t-\(number)")
        result.text(5, reply)
        result.flag(9, true)
        return OutgoingFrame.frame(
            type: "msg", payload: pack(result.bytes), logID: number, sequenceID: number,
            isGzip: isGzip)
    }
}
