import Hardware
import SharedModels
import Testing

@testable import Agent

/// A board that knows what EP/1.1 says of sequences and its clock, and answers at once. Its time
/// is that of the test, from another beginning.
private struct SequencePeer {
    static let manifest = Array(
        """
        {"protocol":1,"minor":1,"board":"stage","firmware":"0.2.0","build":"89abcdef",\
        "rx_window":60,"sequence_bytes":200,"channels":[\
        {"id":2,"name":"lamp","kind":"relay","pin":13,"max_on_ms":10000}]}
        """.utf8)

    var memory = [UInt8](repeating: 0xFF, count: 200)
    var committed = CommittedPrograms(sizeBytes: 0, crc32: 0)
    /// Types of the requests in their order.
    var requests: [UInt8] = []
    /// The channels that are on.
    var active: UInt8 = 0
    var state: UInt8 = 0
    var nonce: UInt8 = 1
    private var decoder = FrameDecoder()

    mutating func answer(_ bytes: [UInt8], at now: Int64) -> [UInt8] {
        var frames: [Frame] = []
        decoder.feed(bytes) { if case .frame(let frame) = $0 { frames.append(frame) } }
        return frames.flatMap { frame -> [UInt8] in
            requests.append(frame.type)
            let (type, payload) = reply(frame, at: now)
            return Frame(type: type, sequence: frame.sequence, payload: payload).wire ?? []
        }
    }

    private static func little(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    private var hello: [UInt8] {
        let crc = Self.little(CRC32.of(Self.manifest))
        let size = UInt16(Self.manifest.count)
        let head: [UInt8] = [1, nonce, 0, 0, 0] + crc + [UInt8(size & 0xFF), UInt8(size >> 8)]
        return head + [0xEF, 0xCD, 0xAB, 0x89] + [0, 0, 0, 0, 0, 0, 0, 0xAB] + [
            1, state, 0, 2, 0, 0,
        ]
    }

    private mutating func reply(_ frame: Frame, at now: Int64) -> (UInt8, [UInt8]) {
        let payload = frame.payload
        switch frame.type {
        case 0x01: return (0x81, hello)
        case 0x02:
            let offset = Int(payload[0]) | Int(payload[1]) << 8
            return (0x82, payload + Self.manifest[offset...].prefix(40))
        case 0x03: state = 1
        case 0x04: state = 0
        case 0x09: return (0x89, [UInt8](repeating: 0, count: 35))
        case 0x0B:
            let offset = Int(payload[0]) | Int(payload[1]) << 8
            memory.replaceSubrange(offset..<offset + payload.count - 2, with: payload[2...])
            committed = CommittedPrograms(sizeBytes: 0, crc32: 0)
        case 0x0C:
            let size = Int(payload[0]) | Int(payload[1]) << 8
            let crc = CRC32.of(memory.prefix(size))
            guard Self.little(crc) == Array(payload[2...]) else {
                return (0x8F, [7, state, 0, 0])
            }
            committed = CommittedPrograms(sizeBytes: UInt16(size), crc32: crc)
        case 0x0D:
            let size = committed.sizeBytes
            return (
                0x8D, [UInt8(size & 0xFF), UInt8(size >> 8)] + Self.little(committed.crc32)
            )
        case 0x11:
            let board = now / 1000 + 77_000_500
            return (
                0x91,
                Self.little(UInt32(truncatingIfNeeded: board))
                    + Self.little(UInt32(truncatingIfNeeded: board / 1000))
            )
        default: break
        }
        return (0x80, [state, active, 0])
    }
}

/// A link session in front of such a board, under a clock that the test moves.
private struct SequenceBench {
    var peer = SequencePeer()
    var link: LinkSession
    var now: Int64 = 1_000_000_000
    var actions: [LinkSession.Action] = []

    init() {
        link = LinkSession(
            at: now, wish: .armed, newUID: BoardUID(value: 7), knownManifests: [:],
            firstSequence: 3)
        let opening = link.open(at: now)
        perform(opening)
    }

    /// Answers come after 2 ms.
    mutating func perform(_ new: [LinkSession.Action]) {
        var waiting = new
        while !waiting.isEmpty {
            let action = waiting.removeFirst()
            actions.append(action)
            guard case .send(let bytes, _) = action else { continue }
            let answer = peer.answer(bytes, at: now + 1_000_000)
            now += 2_000_000
            waiting += link.receive(answer, at: now)
        }
    }

    mutating func keep(_ memory: ProgramMemory?) {
        let wanted = link.keep(memory, baud: 115_200, at: now)
        perform(wanted)
    }

    mutating func run(milliseconds: Int64) {
        let end = now + milliseconds * 1_000_000
        while now < end {
            now = min(max(link.nextDeadlineNanoseconds ?? end, now + 1_000_000), end)
            let wanted = link.tick(at: now)
            perform(wanted)
        }
    }

    func count(_ type: UInt8) -> Int { peer.requests.filter { $0 == type }.count }
}

@Suite("Sequences on the link")
struct SequenceLinkTests {
    private let memory = ProgramMemory(
        [(2, ProgramMemoryTests.flashes)], on: ProgramMemoryTests.manifest)

    @Test("programs are uploaded once; a session that finds them there does not write")
    func upload() throws {
        var bench = SequenceBench()
        bench.keep(memory)
        bench.run(milliseconds: 1000)
        #expect(Array(bench.peer.memory.prefix(memory.bytes.count)) == memory.bytes)
        #expect(bench.link.programs?.condition == .ready)
        #expect(bench.count(0x0B) == 1)
        #expect(bench.count(0x0C) == 2, "the second says that it outlasts power-off")
        #expect(bench.actions.filter { $0 == .programs }.count == 2)

        var next = SequenceBench()
        next.peer.committed = bench.peer.committed
        next.keep(memory)
        next.run(milliseconds: 1000)
        #expect(next.link.programs?.condition == .ready)
        #expect(next.count(0x0B) == 0)
    }

    @Test("nothing is written while an output is on")
    func outputOn() {
        var bench = SequenceBench()
        bench.peer.active = 1 << 2
        bench.run(milliseconds: 500)
        bench.keep(memory)
        bench.run(milliseconds: 3000)
        #expect(bench.count(0x0B) == 0)
        #expect(bench.link.programs?.condition == .pending)
        bench.peer.active = 0
        bench.run(milliseconds: 1000)
        #expect(bench.link.programs?.condition == .ready)
    }

    @Test("the clock is read at first eight times, then every 400 ms, and is known")
    func clock() throws {
        var bench = SequenceBench()
        bench.run(milliseconds: 1000)
        #expect(bench.count(0x11) == 0, "a board without sequences is not asked")
        bench.keep(memory)
        #expect(bench.count(0x11) == 8)
        bench.run(milliseconds: 8000)
        #expect((22...32).contains(bench.count(0x11)))
        #expect((15...30).contains(bench.count(0x05)))
        let target = bench.now + 80_000_000
        let estimate = try #require(bench.link.clock.estimate(at: target))
        let truth = Double(target / 1000 + 77_000_500) / 1000
        #expect(abs(Double(estimate.milliseconds) - truth) <= 1.5)
    }

    @Test("the clock is read also on a line that commands keep from being idle")
    func busyClock() {
        var bench = SequenceBench()
        bench.keep(memory)
        var random = SystemRandomNumberGenerator()
        let off = LinkCommand(
            .off, on: Channel(id: 2, name: "lamp", kind: .relay, pin: 13, onMaxMilliseconds: 10))
        let end = bench.now + 8_000_000_000
        var sent = 0
        while bench.now < end {
            bench.run(milliseconds: 5)
            guard bench.link.canSend(isQuiet: false, at: bench.now) else { continue }
            let id = CommandID(unixMilliseconds: 0, using: &random)
            let wanted = bench.link.send(off, id: id, at: bench.now)
            bench.perform(wanted)
            sent += 1
        }
        #expect(sent > 500)
        #expect((22...32).contains(bench.count(0x11)))
        #expect(bench.count(0x05) == 0, "every frame counts as a beat")
    }

    @Test("after a restart of the board its clock is read anew, and its memory is looked at again")
    func restart() {
        var bench = SequenceBench()
        bench.keep(memory)
        bench.run(milliseconds: 1000)
        let reads = bench.count(0x0D)
        bench.peer.nonce = 2
        bench.peer.state = 0
        let hello = Frame(
            type: 0x81, sequence: 0,
            payload: [1, 2, 0, 0, 0] + [UInt8](repeating: 0, count: 24))
        let wanted = bench.link.receive(hello.wire ?? [], at: bench.now)
        bench.perform(wanted)
        bench.run(milliseconds: 1000)
        #expect(bench.actions.contains { if case .rebooted = $0 { true } else { false } })
        #expect(bench.count(0x0D) == reads + 1)
        #expect(bench.count(0x0B) == 1, "it kept them")
        #expect(bench.link.programs?.condition == .ready)
        #expect(bench.link.state.mode == .armed)
    }
}
