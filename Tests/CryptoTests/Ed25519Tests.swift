import Crypto
import Platform
import SharedModels
import Testing

@Suite("Ed25519")
struct Ed25519Tests {
    @Test("the third vector of RFC 8032 §7.1")
    func vector() throws {
        let seed = try #require(
            Hexadecimal.decode(
                "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"))
        let key = try Ed25519.PrivateKey(seed: seed)
        #expect(
            Hexadecimal.encode(key.publicKey.bytes)
                == "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025")
        let signature = key.sign([0xaf, 0x82])
        #expect(
            Hexadecimal.encode(signature)
                == "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
                + "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a")
        #expect(key.publicKey.verify(signature, of: [0xaf, 0x82]))
        #expect(key.seed == seed)
    }

    @Test("a changed message, signature or key does not verify")
    func changed() {
        let key = Ed25519.PrivateKey()
        let message = Array("open the gate".utf8)
        let signature = key.sign(message)
        #expect(key.publicKey.verify(signature, of: message))
        for bit in stride(from: 0, to: 512, by: 7) {
            var changed = signature
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(!key.publicKey.verify(changed, of: message))
        }
        #expect(!key.publicKey.verify(signature, of: message + [0]))
        #expect(!key.publicKey.verify(signature.dropLast(), of: message))
        #expect(!key.publicKey.verify([], of: message))
        #expect(!Ed25519.PrivateKey().publicKey.verify(signature, of: message))
    }

    @Test("bytes that are no key are refused", arguments: [0, 31, 33, 64])
    func wrongSize(size: Int) {
        let bytes = [UInt8](repeating: 9, count: size)
        #expect(throws: CryptoError.self) { try Ed25519.PrivateKey(seed: bytes) }
        #expect(throws: CryptoError.self) { try Ed25519.PublicKey(bytes: bytes) }
    }

    @Test("points of small order are refused as public keys")
    func smallOrder() {
        #expect(throws: CryptoError.self) {
            try Ed25519.PublicKey(bytes: [1] + [UInt8](repeating: 0, count: 31))
        }
        #expect(throws: CryptoError.self) {
            try Ed25519.PublicKey(bytes: [UInt8](repeating: 0, count: 32))
        }
    }

    @Test("the written form of a public key reads back, and a private key does not print itself")
    func writtenForm() throws {
        let key = Ed25519.PrivateKey()
        #expect(try Ed25519.PublicKey("\(key.publicKey)") == key.publicKey)
        #expect(!"\(key)".contains(Base64URL.encode(key.seed)))
    }
}

@Suite("Broker credentials")
struct BrokerCredentialSignerTests {
    private let key = Ed25519.PrivateKey()

    @Test("a password holds the payload and a signature that the public key verifies")
    func password() throws {
        let credential = BrokerCredential(
            role: .agent, workspace: "w-1", client: "a-2", epoch: 3, expiresAtSeconds: 1_800_000_000
        )
        let password = try BrokerCredentialSigner(key).password(for: credential)
        let parts = password.split(separator: ".", omittingEmptySubsequences: false)
        #expect(parts.count == 3)
        #expect(parts[0] == "v1")
        let payload = try #require(Base64URL.decode(parts[1]))
        #expect(String(decoding: payload, as: UTF8.self) == "agent|w-1|a-2|3|1800000000")
        let signature = try #require(Base64URL.decode(parts[2]))
        #expect(key.publicKey.verify(signature, of: payload))
    }

    @Test(
        "a name that could be read as another field is not signed",
        arguments: ["a|control", "", "a.b", "ä", "a b", String(repeating: "a", count: 65), "a\n"])
    func badName(name: String) {
        let signer = BrokerCredentialSigner(key)
        for (workspace, client) in [(name, "a"), ("w", name)] {
            #expect(throws: CryptoError.self) {
                try signer.password(
                    for: BrokerCredential(
                        role: .agent, workspace: workspace, client: client, epoch: 0,
                        expiresAtSeconds: 1))
            }
        }
    }
}
