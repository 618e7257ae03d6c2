import Hardware
import SharedModels
import Testing

@testable import Agent

@Suite("Dangerous channels")
struct LockTests {
    private let armed = LinkState(rawValue: 1)

    private func session() -> BoardSession {
        let manifest = BoardManifest(
            linkVersion: 1, board: "mega", firmware: "0.2.0", build: "", receiveWindowBytes: 60,
            minor: 1,
            channels: [
                Channel(
                    id: 0, name: "bell", kind: .solenoid, pin: 1, onMaxMilliseconds: 100,
                    bounds: .init(dangerous: true)),
                Channel(id: 1, name: "lamp", kind: .relay, pin: 2, onMaxMilliseconds: 100),
                Channel(
                    id: 5, name: "saw", kind: .relay, pin: 3, onMaxMilliseconds: 100,
                    bounds: .init(dangerous: true)),
            ])
        var session = BoardSession(
            uid: BoardUID(value: 1), manifest: manifest, isStopped: false, hold: nil)
        session.connect(manifest, armed)
        return session
    }

    /// Why a command would be refused now; nil if it would not.
    private func refusal(
        _ session: BoardSession, _ name: String, at now: Int64 = 0,
        _ operation: SharedModels.Operation = .pulse(durationMilliseconds: 5)
    ) -> Reason? {
        var session = session
        var random = SystemRandomNumberGenerator()
        guard let channel = session.manifest.channel(named: name) else { return .noChannel }
        let command = Command(
            id: CommandID(unixMilliseconds: 0, using: &random), board: session.uid,
            channel: name, operation: operation, issuedAtMilliseconds: 0,
            expiresAtMilliseconds: 0, trace: Trace(id: "", clock: "", arrivedNanoseconds: 0))
        let ended = session.submit(
            PendingCommand(
                command: command, channel: channel, deadlineNanoseconds: .max, order: 0), at: now)
        return ended.first?.reason
    }

    @Test("it is locked at first, but for off; unlocking opens those that were named, for a while")
    func opens() {
        var session = session()
        #expect(refusal(session, "bell") == .locked)
        #expect(refusal(session, "bell", at: 0, .off) == nil)
        #expect(refusal(session, "lamp") == nil)
        #expect(session.mask(of: ["bell", "saw", "lamp", "nothing"]) == 0b10_0001)
        session.unlock(mask: session.mask(of: ["saw"]), until: 1000)
        #expect(session.unlockedChannels(at: 999) == ["saw"])
        #expect(refusal(session, "saw", at: 999) == nil)
        #expect(refusal(session, "bell", at: 999) == .locked)
        #expect(refusal(session, "saw", at: 1000) == .locked)
        #expect(session.unlockedChannels(at: 1000).isEmpty)
        #expect(Reason.locked.sentence.contains("/unlock"))
    }

    @Test("whatever disarms the board locks it again")
    func locks() {
        let changes: [(inout BoardSession) -> Void] = [
            { $0.enter(LinkState(rawValue: 0)) }, { $0.enter(LinkState(rawValue: 2)) },
            { $0.disconnect() }, { _ = $0.rebooted(at: 0) },
            { _ = $0.stop(true) },
        ]
        for change in changes {
            var session = session()
            session.unlock(mask: 1, until: 1000)
            #expect(session.unlockedChannels(at: 0) == ["bell"])
            change(&session)
            #expect(session.unlockedChannels(at: 0).isEmpty)
            _ = session.stop(false)
            session.connect(session.manifest, armed)
            #expect(refusal(session, "bell") == .locked)
        }
    }
}
