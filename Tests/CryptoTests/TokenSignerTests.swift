import Crypto
import Testing

@Suite("Signed tokens")
struct TokenSignerTests {
    private let key = SecureRandom.bytes(32)

    @Test("a token gives its payload back")
    func roundTrip() throws {
        let signer = try TokenSigner(purpose: "access", key: key)
        let payload = Array("account|session|1800000000".utf8)
        #expect(try signer.payload(of: signer.token(for: payload)) == payload)
        #expect(try signer.payload(of: signer.token(for: [])) == [])
        #expect(signer.token(for: SecureRandom.bytes(3000)).utf8.count <= TokenSigner.tokenSizeMax)
    }

    @Test("no other text than the token itself is accepted")
    func changed() throws {
        let signer = try TokenSigner(purpose: "access", key: key)
        let token = signer.token(for: "payload".utf8)
        for index in token.indices {
            for other in "AZaz09-_.=" where other != token[index] {
                var changed = token
                changed.replaceSubrange(index...index, with: String(other))
                #expect(throws: TokenSigner.Problem.self) { try signer.payload(of: changed) }
            }
        }
        for text in ["", "v1", "v1.", "v1..", "v1...", ".", token + ".", token + "=", "v2" + token]
        {
            #expect(throws: TokenSigner.Problem.self) { try signer.payload(of: text) }
        }
        #expect(throws: TokenSigner.Problem.malformed) {
            try signer.payload(of: String(repeating: "v1.", count: 100_000))
        }
    }

    @Test("a token for one purpose does not pass for another")
    func purpose() throws {
        let token = try TokenSigner(purpose: "access", key: key).token(for: "payload".utf8)
        #expect(throws: TokenSigner.Problem.badCode) {
            try TokenSigner(purpose: "pairing", key: key).payload(of: token)
        }
    }

    @Test("tokens of a replaced key count as long as it is listed")
    func rotation() throws {
        let old = try TokenSigner(purpose: "access", key: key).token(for: "payload".utf8)
        let fresh = SecureRandom.bytes(32)
        let both = try TokenSigner(purpose: "access", key: fresh, previous: [key])
        #expect(try both.payload(of: old) == Array("payload".utf8))
        #expect(throws: TokenSigner.Problem.badCode) {
            try TokenSigner(purpose: "access", key: fresh).payload(of: old)
        }
    }

    @Test("a key that is too short is refused")
    func shortKey() {
        #expect(throws: CryptoError.self) {
            try TokenSigner(purpose: "access", key: [UInt8](repeating: 1, count: 31))
        }
    }
}
