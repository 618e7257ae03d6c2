import Hardware
import SharedModels
import Testing

@testable import Agent

/// The host's side of the link in front of the real firmware core.
@Suite("Link session")
struct LinkSessionTests {
    private func ready(seed: Int = 1) -> Bench {
        let bench = Bench(seed: seed)
        #expect(bench.run(3000) { bench.link.state.mode == .armed })
        return bench
    }

    @Test("a board is greeted, its manifest read and checked, and it is armed")
    func identify() throws {
        let bench = ready()
        let identity = try #require(bench.identity)
        #expect(identity.uid == BoardUID(value: 0xABC))
        #expect(identity.manifest.channels.map(\.name) == ["relay1", "relay2", "servo", "strip"])
        #expect(bench.board.edges.isEmpty)
    }

    @Test("a board is let boot before it is asked, unless it speaks first")
    func letsBoot() {
        let quiet = LinkSession.Limits.bootNanoseconds
        var silent = LinkSession(
            at: 0, wish: .armed, newUID: BoardUID(value: 5), knownManifests: [:], firstSequence: 0)
        #expect(silent.open(at: 0, quiet: quiet).isEmpty)
        var speaking = silent
        #expect(silent.nextDeadlineNanoseconds == quiet)
        #expect(silent.tick(at: quiet - 1).isEmpty)
        #expect(silent.tick(at: quiet).count == 1)
        #expect(silent.nextDeadlineNanoseconds ?? 0 > quiet)

        var reads = 0
        let hello = answer(Frame(type: 0x01, sequence: 77, payload: []), &reads).wire ?? []
        #expect(speaking.receive(hello, at: quiet / 2).count == 1)
        #expect(speaking.tick(at: quiet / 2 + 1).isEmpty)
    }

    @Test("a manifest that is known by its CRC is not read again")
    func manifestCache() {
        let bench = ready()
        bench.isCut = true
        bench.run(2000) { bench.sessions > 1 }
        bench.isCut = false
        let before = bench.link.statistics.sent
        #expect(bench.run(3000) { bench.link.state.mode == .armed })
        #expect(bench.link.statistics.sent - before <= 4)
    }

    @Test("an event whose frame was doubled on the way is told once; the next one is another")
    func doubledEvent() throws {
        let bench = ready()
        func inputs() -> [Int16] {
            bench.actions.compactMap { action in
                guard case .event(let event) = action, case .input(let value) = event.kind else {
                    return nil
                }
                return value
            }
        }
        func say(_ sequence: UInt8, _ value: [UInt8]) throws {
            let payload: [UInt8] = [1, 7] + value + [0xD2, 4, 0, 0]
            let wire = Frame(type: 0xA0, sequence: sequence, payload: payload).wire
            bench.inject(try #require(wire))
        }
        try say(200, [1, 0])
        try say(200, [1, 0])
        #expect(inputs() == [1])
        try say(201, [1, 0])
        try say(202, [0xFD, 0xFF])
        #expect(inputs() == [1, 1, -3])
    }

    @Test("an unlocking is asked for with the boot's nonce, and told when the board has done it")
    func unlock() throws {
        let bench = ready()
        let nonce = try #require(bench.link.hello).nonce
        bench.run(1000) { bench.link.nextDeadlineNanoseconds != nil && bench.isQuiet }
        bench.isCut = true
        let asked = bench.act { $0.unlock(mask: 0x0102, seconds: 60, at: $1) }
        let sent = asked.compactMap { action -> [UInt8]? in
            if case .send(let wire, _) = action { wire } else { nil }
        }
        var decoder = FrameDecoder()
        var frames: [Frame] = []
        decoder.feed(try #require(sent.last)) { finding in
            if case .frame(let frame) = finding { frames.append(frame) }
        }
        let frame = try #require(frames.first)
        #expect(frame.type == 0x0F)
        let low = (0..<4).map { UInt8(truncatingIfNeeded: nonce >> (8 * UInt32($0))) }
        #expect(frame.payload == low + [0x02, 0x01, 60, 0])
        let ack = Frame(type: 0x80, sequence: frame.sequence, payload: [1, 0, 0]).wire
        bench.inject(try #require(ack))
        #expect(bench.actions.contains(.unlocked(mask: 0x0102, seconds: 60)))
    }

    @Test("a board of an older firmware, which knows no unlocking, goes on")
    func unlockRefused() {
        let bench = ready()
        _ = bench.act { $0.unlock(mask: 1, seconds: 60, at: $1) }
        bench.run(1000)
        #expect(bench.sessions == 1)
        #expect(bench.link.state.mode == .armed)
        #expect(!bench.actions.contains { if case .unlocked = $0 { true } else { false } })
    }

    @Test("a blank board is given an identity, which it keeps")
    func identity() throws {
        let bench = Bench(seed: 2, uid: nil)
        #expect(bench.run(3000) { bench.link.state.mode == .armed })
        #expect(bench.identity?.uid == BoardUID(value: 0x1234_5678_9ABC_DEF0))
        bench.reboot()
        #expect(bench.run(6000) { bench.sessions > 1 || bench.link.phase == .greeting })
        #expect(bench.run(3000) { bench.link.state.mode == .armed })
        #expect(bench.identity?.uid == BoardUID(value: 0x1234_5678_9ABC_DEF0))
    }

    @Test("an idle board is kept armed by beats alone")
    func beats() {
        let bench = ready()
        bench.run(30_000)
        #expect(bench.sessions == 1)
        #expect(bench.link.state.mode == .armed)
        #expect(!bench.link.state.isLinkLost)
        #expect(bench.link.statistics.retries == 0)
        // Five a second, and a reading of the counters every ten seconds.
        #expect((140...175).contains(bench.link.statistics.sent))
        #expect(bench.link.counters?.linkLosses == 0)
    }

    @Test("a command is executed once, and told as executed")
    func command() {
        let bench = ready()
        bench.submit(.pulse(durationMilliseconds: 100), on: "relay1")
        bench.run(500)
        #expect(bench.outcomes(.executed) == 1)
        #expect(bench.board.edges.map(\.isOn) == [true, false])
        let on = bench.board.edges[1].milliseconds - bench.board.edges[0].milliseconds
        #expect((99...101).contains(on))
    }

    @Test("nothing is sent while a quiet command is executed")
    func quiet() throws {
        let bench = ready()
        let red = try #require(RGB("#ff0000"))
        bench.run(150)
        bench.isCut = true
        bench.submit(.fill(color: red, first: 0, count: 0, durationMilliseconds: 0), on: "strip")
        let before = bench.actions.count
        bench.run(100)
        #expect(bench.actions.count == before, "the answer is awaited in silence")
        bench.isCut = false
        bench.run(300) { bench.outcomes(.executed) == 1 }
        #expect(bench.outcomes(.executed) == 1)
        #expect(bench.board.shows.last?.count == 24)
    }

    @Test("the E-stop does not wait for what is in flight, and latches until it is released")
    func emergencyStop() {
        let bench = ready()
        bench.submit(.pulse(durationMilliseconds: 5000), on: "relay1")
        bench.run(50)
        bench.submit(.pulse(durationMilliseconds: 100), on: "relay2")
        bench.isCut = true
        bench.stop(true)
        bench.isCut = false
        #expect(bench.run(500) { bench.link.state.mode == .estopped })
        #expect(bench.board.edges.last { $0.channel == 0 }?.isOn == false)
        bench.submit(.pulse(durationMilliseconds: 100), on: "relay1")
        #expect(bench.ended.last?.reason == .estopped)
        bench.run(2000)
        #expect(bench.link.state.mode == .estopped)
        bench.stop(false)
        #expect(bench.run(500) { bench.link.state.mode == .armed })
    }

    @Test("a board that reboots loses what was in flight and is armed again")
    func reboot() {
        let bench = ready()
        bench.run(100)
        bench.isCut = true
        bench.submit(.pulse(durationMilliseconds: 100), on: "relay1")
        bench.submit(.set(on: true, durationMilliseconds: 100), on: "relay2")
        bench.reboot()
        bench.isCut = false
        #expect(bench.run(5000) { bench.link.state.mode == .armed && !bench.ended.isEmpty })
        bench.run(1000)
        // Motion that may have been done is not repeated; the state that was wanted is set.
        #expect(bench.ended.first?.status == .failed)
        #expect(bench.ended.first?.reason == .rebooted)
        #expect(bench.outcomes(.executed) == 1)
        #expect(bench.board.risings(1) == 1)
    }

    @Test("a silent board is given up after five sendings, and the port may be opened again")
    func silence() {
        let bench = ready()
        bench.isCut = true
        let start = bench.milliseconds
        #expect(bench.run(3000) { bench.sessions == 2 })
        #expect(bench.milliseconds - start <= 200 + 50 + 75 + 113 + 169 + 254 + 20)
        #expect(bench.session?.condition == .offline)
    }

    @Test("a board that keeps booting is put out of use and told so")
    func bootLoop() {
        let bench = ready()
        for _ in 0..<3 {
            bench.reboot()
            bench.run(1500) { bench.link.phase == .ready }
            bench.run(20)
        }
        #expect(bench.session?.isQuarantined == true)
        #expect(bench.session?.fault == "boot_loop")
        bench.submit(.pulse(durationMilliseconds: 10), on: "relay1")
        #expect(bench.ended.last?.reason == .quarantined)
        bench.run(1000)
        #expect(bench.link.state.mode == .safe)
    }

    @Test("a board whose USB restarts with it is counted by its watchdog, not by its plug")
    func bootLoopUnplugged() throws {
        let bench = ready()
        var session = try #require(bench.session)
        let known = try #require(bench.identity).hello
        func hello(_ nonce: UInt8, _ cause: ResetCause) throws -> Hello {
            let payload: [UInt8] =
                [1, nonce, 0xAA, 0xBB, 0xCC, 9, 9, 9, 9, 10, 0, 0, 0, 0, 0] + [
                    0, 0, 0, 0, 0, 0, 0, 7,
                ]
                + [cause.rawValue, 0, 0, 1, 0]
            let message = LinkMessage(Frame(type: 0x81, sequence: 0, payload: payload))
            guard case .hello(let hello)? = message else { throw CancellationError() }
            return hello
        }
        session.disconnect()
        let same = session.greeted(known, at: 0)
        #expect(!same.isUnexpected)
        for nonce in 1...5 {
            let plugged = session.greeted(
                try hello(UInt8(nonce), [.powerOn, .brownOut]), at: 0)
            #expect(!plugged.isUnexpected)
        }
        for nonce in 11...13 {
            session.disconnect()
            let restart = session.greeted(try hello(UInt8(nonce), .watchdog), at: 0)
            #expect(restart.isUnexpected && restart.isQuarantined == (nonce == 13))
        }
        #expect(session.isQuarantined && session.wish == .safe)
        #expect(session.nextDeadlineNanoseconds(at: 0) == ResetWatch.Limits.quietNanoseconds)
        let isEasedEarly = session.ease(at: ResetWatch.Limits.quietNanoseconds - 1)
        let isEased = session.ease(at: ResetWatch.Limits.quietNanoseconds)
        let isReleasedAgain = session.release()
        #expect(!isEasedEarly && isEased && !isReleasedAgain)
        #expect(session.fault.isEmpty && session.wish == .armed)
    }

    @Test("what waits for a board, and what is on the line, fails when it is unplugged")
    func unplugged() {
        let bench = ready()
        bench.submit(.set(on: true, durationMilliseconds: 0), on: "relay2")
        bench.run(50)
        bench.isCut = true
        bench.submit(.set(on: true, durationMilliseconds: 0), on: "relay1")
        bench.submit(.set(on: true, durationMilliseconds: 0), on: "relay1")
        bench.unplug()
        let failed = bench.ended.filter { $0.reason == .unplugged }
        #expect(failed.count == 2 && failed.allSatisfy { $0.status == .failed })
        #expect(bench.session?.condition == .offline && bench.session?.pendingCount == 0)
        bench.isCut = false
        bench.plug()
        #expect(bench.run(5000) { bench.link.state.mode == .armed })
        bench.run(1000)
        #expect(bench.board.risings(0) == 0)
    }

    @Test("a busy channel is tried again when it says it is free, within the deadline")
    func busy() {
        let bench = ready()
        bench.submit(.set(on: true, durationMilliseconds: 0), on: "relay2")
        bench.run(50)
        // The board holds the relay for ten seconds at most.
        bench.submit(
            .pulse(durationMilliseconds: 50), on: "relay2", lifetimeMilliseconds: 5000)
        bench.run(100)
        #expect(bench.ended.last?.reason == .busy)
        bench.submit(
            .pulse(durationMilliseconds: 50), on: "relay2", lifetimeMilliseconds: 20_000)
        bench.run(11_000)
        #expect(bench.outcomes(.executed) == 2)
        #expect(bench.board.risings(1) == 2)
    }

    @Test("a manifest with a wrong check is read three times and then refused")
    func damagedManifest() {
        var session = LinkSession(
            at: 0, wish: .armed, newUID: BoardUID(value: 5), knownManifests: [:], firstSequence: 0)
        var actions = session.open(at: 0)
        var reads = 0
        for step in 1...30 {
            let sent = actions.compactMap { action in
                if case .send(let bytes, _) = action { bytes } else { nil }
            }
            actions = []
            for bytes in sent {
                var decoder = FrameDecoder()
                decoder.feed(bytes) { finding in
                    guard case .frame(let frame) = finding else { return }
                    actions += session.receive(
                        answer(frame, &reads).wire ?? [], at: Int64(step) * 1_000_000)
                }
            }
        }
        #expect(session.phase == .down)
        #expect(reads == 3)
    }

    /// A board whose manifest has the size 10 and never the check that it promised.
    private func answer(_ frame: Frame, _ reads: inout Int) -> Frame {
        if frame.type == 0x01 {
            let payload: [UInt8] =
                [1, 1, 0, 0, 0, 9, 9, 9, 9, 10, 0, 0, 0, 0, 0] + [0, 0, 0, 0, 0, 0, 0, 7]
                + [1, 0, 0, 1, 0]
            return Frame(type: 0x81, sequence: frame.sequence, payload: payload)
        }
        reads += 1
        let payload: [UInt8] = [0, 0] + [UInt8](repeating: 65, count: 10)
        return Frame(type: 0x82, sequence: frame.sequence, payload: payload)
    }
}
