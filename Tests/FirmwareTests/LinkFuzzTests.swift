import Hardware
import TestSupport
import Testing

/// Frames and messages from hostile bytes.
@Suite("Link fuzz")
struct LinkFuzzTests {

    @Test("random bytes never trap, and what is found can be written again", arguments: 1...20)
    func randomBytes(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        var decoder = FrameDecoder()
        for _ in 0..<2000 {
            let bytes = (0..<Int.random(in: 0...80, using: &random)).map { _ in
                Bool.random(using: &random)
                    ? UInt8.random(in: 0...3, using: &random)
                    : UInt8.random(in: 0...255, using: &random)
            }
            decoder.feed(bytes) { finding in
                guard case .frame(let frame) = finding else { return }
                #expect(frame.payload.count <= Frame.payloadMaxBytes, "seed \(seed)")
                #expect(frame.wire != nil, "seed \(seed)")
                _ = LinkMessage(frame)
            }
        }
    }

    @Test(
        "any frame survives its way over the wire, and any payload can be read as a message",
        arguments: 1...10)
    func roundTrips(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed) &* 77)
        for _ in 0..<2000 {
            let size = Int.random(in: 0...Frame.payloadMaxBytes, using: &random)
            let frame = Frame(
                type: UInt8.random(in: 0...255, using: &random),
                sequence: UInt8.random(in: 0...255, using: &random),
                payload: (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) })
            let wire = try #require(frame.wire)
            #expect(GoldenLinkTests.findings(in: wire) == [.frame(frame)], "seed \(seed)")
            _ = LinkMessage(frame)
        }
    }

    /// A closing 00 that became 01 makes the frame one byte longer and passes the check, because
    /// the CRC has no final inversion: every payload has an exact length for that reason.
    @Test("one flipped bit never makes another frame of the same length")
    func flips() throws {
        let frame = Frame(type: 6, sequence: 9, payload: [0, 2, 0xE8, 3])
        let wire = try #require(frame.wire)
        for bit in 0..<(wire.count * 8) {
            var damaged = wire
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            for finding in GoldenLinkTests.findings(in: damaged + [0]) {
                guard case .frame(let other) = finding, other != frame else { continue }
                #expect(other.payload.count != frame.payload.count)
            }
        }
    }
}
