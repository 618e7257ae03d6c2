import Foundation
import SharedModels
import Testing

@Suite("Inputs")
struct InputTests {
    private func change(
        channel: String = "button", value: Int = 1, sequence: Int64 = 1, started: Int64 = 0,
        read: Int64 = 1_000_000, clock: String = "boot", nanoseconds: Int64 = 0
    ) -> InputChange {
        InputChange(
            board: BoardUID(value: 1), channel: channel, value: value,
            startedAtMilliseconds: started, sequence: sequence, readAtMilliseconds: read,
            isLate: false, agentClock: clock, readNanoseconds: nanoseconds)
    }

    @Test("a change within its limits has no problem, and each limit is held")
    func limits() {
        #expect(change().problem == nil)
        #expect(change(value: -32_768).problem == nil)
        for bad in [
            change(channel: ""), change(channel: "<b>"), change(value: 32_768),
            change(sequence: 0), change(started: -1), change(read: -1), change(read: .max),
            change(clock: "\u{0}"), change(clock: String(repeating: "a", count: 65)),
            change(nanoseconds: -1),
        ] {
            #expect(bad.problem != nil, "\(bad)")
        }
    }

    @Test("a change is stale after five seconds, and when it comes from as far in the future")
    func staleness() {
        let read = change(read: 1_000_000)
        #expect(!read.isStale(atMilliseconds: 1_005_000))
        #expect(read.isStale(atMilliseconds: 1_005_001))
        #expect(!read.isStale(atMilliseconds: 995_000))
        #expect(read.isStale(atMilliseconds: 994_999))
        #expect(change(read: 0).isStale(atMilliseconds: .max))
    }

    @Test("what an input can be asked for depends on its kind")
    func conditions() {
        func channel(_ kind: Channel.Kind) -> Channel {
            Channel(id: 0, name: "it", kind: kind, pin: 1)
        }
        let high = InputCondition.above(5, hysteresis: 0)
        for kind in [Channel.Kind.button, .switch] {
            #expect(channel(kind).refusal(of: .pressed) == nil)
            #expect(channel(kind).refusal(of: .released) == nil)
            #expect(channel(kind).refusal(of: .changed) == nil)
            #expect(channel(kind).refusal(of: high) == "it is pressed, released or changed")
        }
        for kind in [Channel.Kind.analog, .distance] {
            #expect(channel(kind).refusal(of: high) == nil)
            #expect(channel(kind).refusal(of: .below(5, hysteresis: 1)) == nil)
            #expect(channel(kind).refusal(of: .changed) == nil)
            #expect(channel(kind).refusal(of: .pressed)?.contains("threshold") == true)
        }
        #expect(channel(.relay).refusal(of: .changed) == "it is an output")
        #expect(channel(.other("fog")).refusal(of: .changed)?.contains("fog") == true)
    }

    @Test("a kind that nobody knows is kept and shown, and refused whatever it is told")
    func unknownKind() throws {
        let text = """
            {"protocol":1,"board":"mega","firmware":"9","build":"","rx_window":60,"channels":[
            {"id":0,"name":"fog","kind":"fogger","pin":3},{"id":1,"name":"lamp","kind":"relay",\
            "pin":4}]}
            """
        let manifest = try JSONDecoder().decode(BoardManifest.self, from: Data(text.utf8))
        #expect(manifest.problem == nil)
        let fog = try #require(manifest.channel(named: "fog"))
        #expect(fog.kind == .other("fogger"))
        #expect(!fog.kind.isInput && !fog.kind.isOutput)
        #expect(fog.refusal(of: .off)?.contains("does not know what a fogger is") == true)
        #expect(manifest.channel(named: "lamp")?.refusal(of: .off) == nil)
        let again = try JSONDecoder().decode(
            BoardManifest.self, from: try JSONEncoder().encode(manifest))
        #expect(again == manifest)
    }

    @Test("a kind that is no plain word is refused with its board")
    func hostileKind() {
        for kind in ["", "<b>", "Relay", String(repeating: "a", count: 17)] {
            let channel = Channel(id: 0, name: "it", kind: .init(name: kind), pin: 1)
            #expect(channel.problem != nil, "\(kind)")
        }
    }
}
