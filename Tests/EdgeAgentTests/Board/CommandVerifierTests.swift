import Foundation
import SharedModels
import Testing

@testable import Agent

@Suite("Command verifier")
struct CommandVerifierTests {
    private let manifest: BoardManifest

    init() throws {
        manifest = try JSONDecoder().decode(
            BoardManifest.self, from: Data(VirtualBoard.manifest))
    }

    private func verify(
        issued: Int64 = 1000, expires: Int64 = 11_000, now: Int64 = 1000,
        _ operation: SharedModels.Operation = .pulse(durationMilliseconds: 5),
        on channel: String = "relay1", isKnown: Bool = true
    ) throws(CommandVerifier.Refusal) -> CommandVerifier.Accepted {
        var random = SystemRandomNumberGenerator()
        return try CommandVerifier.verify(
            Command(
                id: CommandID(unixMilliseconds: 0, using: &random), board: BoardUID(value: 1),
                channel: channel, operation: operation, issuedAtMilliseconds: issued,
                expiresAtMilliseconds: expires,
                trace: Trace(id: "", clock: "", arrivedNanoseconds: 0)),
            nowMilliseconds: now, manifest: isKnown ? manifest : nil)
    }

    private func reason(_ body: () throws -> Void) -> Reason? {
        do {
            try body()
            return nil
        } catch let refusal as CommandVerifier.Refusal {
            return refusal.reason
        } catch {
            return nil
        }
    }

    @Test("a command is worth doing until its deadline, and never longer than it lives")
    func remaining() throws {
        #expect(try verify().remainingMilliseconds == 10_000)
        #expect(try verify(now: 10_999).remainingMilliseconds == 1)
        // Our clock is behind: the time it lives is all it has.
        #expect(try verify(now: 0).remainingMilliseconds == 10_000)
        #expect(try verify(expires: .max / 2).remainingMilliseconds == 600_000)
    }

    @Test("late is expired; far in the future of our clock is refused")
    func clocks() {
        #expect(reason { _ = try verify(now: 11_000) } == .late)
        #expect(reason { _ = try verify(issued: 4000, now: 1000) } == .clockSkew)
        #expect(reason { _ = try verify(expires: 1000) } == .badCommand)
    }

    @Test("no times, however far, overflow")
    func extremes() {
        for issued in [Int64.min, -1, 0, .max] {
            for expires in [Int64.min, -1, 0, .max] {
                for now in [Int64.min, -1, 0, .max] {
                    _ = reason { _ = try verify(issued: issued, expires: expires, now: now) }
                }
            }
        }
    }

    @Test("board, channel, operation and numbers are looked at in this order")
    func order() {
        #expect(reason { _ = try verify(isKnown: false) } == .noBoard)
        #expect(reason { _ = try verify(on: "nothing") } == .noChannel)
        #expect(
            reason { _ = try verify(.drive(speedPermille: 1, durationMilliseconds: 1)) }
                == .badOperation)
        #expect(reason { _ = try verify(.pulse(durationMilliseconds: 10_001)) } == .outOfRange)
        #expect(reason { _ = try verify(.pulse(durationMilliseconds: 0)) } == .outOfRange)
        #expect(reason { _ = try verify(.set(on: false, durationMilliseconds: 60_000)) } == nil)
    }
}
