import Hardware
import SharedModels
import TestSupport

@testable import Agent

/// A board session and a link session in front of the real firmware core, joined by a wire that
/// loses, damages and repeats, under one made-up clock. Everything comes from one seed.
final class Bench {
    /// Chances of each frame on the wire, per thousand.
    struct Wire {
        var damaged = 0
        var lost = 0
        var repeated = 0
        var noise = 0
        /// Milliseconds that each way takes, beside the step itself.
        var delay: Int64 = 0
    }

    var wire = Wire()
    let board: VirtualBoard
    private(set) var link: LinkSession
    var session: BoardSession?
    private(set) var ended: [BoardSession.Ended] = []
    private(set) var actions: [LinkSession.Action] = []
    private(set) var sessions = 1
    private(set) var milliseconds: Int64 = 10
    /// When set, what the agent sends does not arrive, nor what the board says.
    var isCut = false
    private var random: SeededGenerator
    private var manifests: [UInt32: [UInt8]] = [:]
    private var toBoard: [(at: Int64, bytes: [UInt8])] = []
    private var toAgent: [(at: Int64, bytes: [UInt8])] = []
    private var order: UInt64 = 0

    init(seed: Int, uid: BoardUID? = BoardUID(value: 0xABC)) {
        random = SeededGenerator(seed: UInt64(seed))
        board = VirtualBoard(uid: uid)
        link = LinkSession(
            at: 10_000_000, wish: .safe, newUID: BoardUID(value: 0x1234_5678_9ABC_DEF0),
            knownManifests: [:], firstSequence: UInt8(truncatingIfNeeded: seed))
        perform(link.open(at: now))
    }

    var now: Int64 { milliseconds * 1_000_000 }
    var identity: LinkSession.Identity? { link.identity }

    func outcomes(_ status: Outcome.Status) -> Int { ended.filter { $0.status == status }.count }

    /// Runs until the condition holds; false if it did not in time.
    @discardableResult
    func run(_ limitMilliseconds: Int64, until condition: () -> Bool = { false }) -> Bool {
        let end = milliseconds + limitMilliseconds
        while milliseconds < end {
            if condition() { return true }
            step()
        }
        return condition()
    }

    /// Makes a command and submits it.
    @discardableResult
    func submit(
        _ operation: SharedModels.Operation, on name: String, lifetimeMilliseconds: Int64 = 600_000
    ) -> CommandID {
        let id = CommandID(unixMilliseconds: milliseconds, using: &random)
        guard let channel = session?.manifest.channel(named: name) else { return id }
        order += 1
        let command = Command(
            id: id, board: BoardUID(value: 1), channel: name, operation: operation,
            issuedAtMilliseconds: 0, expiresAtMilliseconds: 0,
            trace: Trace(id: "", clock: "", arrivedNanoseconds: 0))
        let pending = PendingCommand(
            command: command, channel: channel,
            deadlineNanoseconds: now + lifetimeMilliseconds * 1_000_000, order: order)
        ended += session?.submit(pending, at: now) ?? []
        advance()
        return id
    }

    func stop(_ isStopped: Bool) {
        ended += session?.stop(isStopped) ?? []
        if let wish = session?.wish { perform(link.become(wish, at: now)) }
    }

    /// The board loses power for a moment.
    func reboot() {
        board.boot()
        toBoard = []
    }

    /// Whether nothing is on the line.
    var isQuiet: Bool { link.inFlight.isEmpty }

    /// Does something with the link now; answers what it wanted.
    func act(
        _ body: (inout LinkSession, Int64) -> [LinkSession.Action]
    ) -> [LinkSession.Action] {
        let wanted = body(&link, now)
        perform(wanted)
        return wanted
    }

    /// Bytes as if the board had said them.
    func inject(_ bytes: [UInt8]) { perform(link.receive(bytes, at: now)) }

    private func step() {
        milliseconds += 1
        for bytes in arrivals(&toBoard) where !isCut { board.receive(bytes) }
        board.advance(to: milliseconds)
        let said = board.takeOutput()
        // The board's frames, one by one, so that each meets its own fate.
        if !said.isEmpty, !isCut { travel(said, into: &toAgent) }
        for bytes in arrivals(&toAgent) { perform(link.receive(bytes, at: now)) }
        if let due = link.nextDeadlineNanoseconds, due <= now { perform(link.tick(at: now)) }
        advance()
    }

    /// Takes out what has come over the wire by now.
    private func arrivals(_ queue: inout [(at: Int64, bytes: [UInt8])]) -> [[UInt8]] {
        let arrived = queue.prefix { $0.at + wire.delay <= milliseconds }
        queue.removeFirst(arrived.count)
        return arrived.map(\.bytes)
    }

    private func travel(_ bytes: [UInt8], into queue: inout [(at: Int64, bytes: [UInt8])]) {
        func chance(_ permille: Int) -> Bool {
            permille > 0 && Int.random(in: 0..<1000, using: &random) < permille
        }
        if chance(wire.lost) { return }
        var bytes = bytes
        if chance(wire.damaged) {
            let index = Int.random(in: 0..<bytes.count, using: &random)
            bytes[index] ^= 1 << UInt8.random(in: 0...7, using: &random)
        }
        if chance(wire.noise) {
            bytes = (0..<9).map { _ in UInt8.random(in: 1...255, using: &random) } + bytes
        }
        queue.append((milliseconds, bytes))
        if chance(wire.repeated) { queue.append((milliseconds, bytes)) }
    }

    private func advance() {
        ended += session?.expire(at: now) ?? []
        while let next = session?.next(
            at: now, canSend: { link.canSend(isQuiet: $0, at: now) })
        {
            session?.begin(next)
            perform(
                link.send(
                    LinkCommand(next.command.operation, on: next.channel), id: next.command.id,
                    at: now))
        }
    }

    private func perform(_ new: [LinkSession.Action]) {
        for action in new {
            actions.append(action)
            switch action {
            case .send(let bytes, _): travel(bytes, into: &toBoard)
            case .greeted: perform(link.become(session?.wish ?? .armed, at: now))
            case .identified(let identity):
                if session == nil {
                    session = BoardSession(
                        uid: identity.uid, manifest: identity.manifest, isStopped: false,
                        hold: nil)
                }
                ended += session?.greeted(identity.hello, at: now).ended ?? []
                session?.connect(identity.manifest, link.state)
            case .learned(let crc, let bytes): manifests[crc] = bytes
            case .ended(let id, let result):
                ended += session?.finish(id, result, at: now) ?? []
            case .stateChanged(let state): session?.enter(state)
            case .event(let event):
                if case .fault(let fault) = event.kind { ended += session?.report(fault) ?? [] }
            case .counted: break
            case .rebooted:
                ended += session?.rebooted(at: now).ended ?? []
                if let wish = session?.wish { perform(link.become(wish, at: now)) }
            case .unlocked, .programs, .optionsWritten: break
            case .down: reopen()
            }
        }
    }

    /// The port is gone, with whatever was on its way.
    func unplug() {
        perform(link.close(.unplugged))
        ended += session?.unplug() ?? []
    }

    /// The port is back.
    func plug() { reopen() }

    /// As a port driver does, at once.
    private func reopen() {
        session?.disconnect()
        sessions += 1
        toBoard = []
        toAgent = []
        link = LinkSession(
            at: now, wish: .safe, newUID: BoardUID(value: 77), knownManifests: manifests,
            firstSequence: UInt8.random(in: 0...255, using: &random))
        perform(link.open(at: now))
    }
}
