import Crypto
import Platform
import Testing

@Suite("Digests and codes")
struct DigestTests {
    @Test("SHA-256 gives the digests of FIPS 180-4")
    func sha256() {
        #expect(
            Hexadecimal.encode(SHA256.hash("abc".utf8))
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(
            Hexadecimal.encode(SHA256.hash([]))
                == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    }

    @Test("SHA-256 in pieces is SHA-256 of the whole")
    func sha256InPieces() {
        let bytes = SecureRandom.bytes(100_003)
        var stream = SHA256.Stream()
        var rest = bytes[...]
        var size = 0
        while !rest.isEmpty {
            stream.add(rest.prefix(size))
            rest = rest.dropFirst(size)
            size = size * 2 + 1
        }
        #expect(stream.finish() == SHA256.hash(bytes))
    }

    @Test("SHA-1 gives the accept key of RFC 6455 §1.3")
    func sha1() {
        let key = "dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        #expect(Base64.encode(InsecureSHA1.hash(key.utf8)) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    }

    @Test("HMAC-SHA256 gives the codes of RFC 4231")
    func hmac() {
        let first = HMACSHA256(key: [UInt8](repeating: 0x0b, count: 20))
        #expect(
            Hexadecimal.encode(first.code(for: "Hi There".utf8))
                == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
        #expect(
            Hexadecimal.encode(
                HMACSHA256.code(for: "what do ya want for nothing?".utf8, key: "Jefe".utf8))
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        let long = HMACSHA256(key: [UInt8](repeating: 0xaa, count: 131))
        #expect(
            Hexadecimal.encode(
                long.code(for: "Test Using Larger Than Block-Size Key - Hash Key First".utf8))
                == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    }

    @Test("an empty key and an empty message have a code of their own")
    func emptyKey() {
        #expect(
            Hexadecimal.encode(HMACSHA256.code(for: [], key: []))
                == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad")
    }

    @Test("one key serves many tasks at once")
    func sharedKey() async {
        let hmac = HMACSHA256(key: "shared key of many tasks".utf8)
        let expected = (0..<64).map { hmac.code(for: "message \($0)".utf8) }
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    (0..<2000).allSatisfy { round in
                        hmac.isValid(expected[round % 64], for: "message \(round % 64)".utf8)
                    }
                }
            }
            for await isGood in group { #expect(isGood) }
        }
    }

    @Test("a code with one bit changed, cut short or made longer is not valid")
    func changedCode() {
        let hmac = HMACSHA256(key: SecureRandom.bytes(32))
        let code = hmac.code(for: "message".utf8)
        #expect(hmac.isValid(code, for: "message".utf8))
        for bit in 0..<256 {
            var changed = code
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(!hmac.isValid(changed, for: "message".utf8))
        }
        #expect(!hmac.isValid(code.dropLast(), for: "message".utf8))
        #expect(!hmac.isValid(code + [0], for: "message".utf8))
        #expect(!hmac.isValid([], for: "message".utf8))
    }
}

@Suite("Random bytes and comparison")
struct SecureRandomTests {
    @Test("as many bytes as asked for, and never the same again")
    func bytes() {
        #expect(SecureRandom.bytes(0).isEmpty)
        #expect(SecureRandom.bytes(-1).isEmpty)
        #expect(SecureRandom.bytes(33).count == 33)
        #expect(Set((0..<1000).map { _ in SecureRandom.bytes(16) }).count == 1000)
    }

    @Test("every bit of the generator's words comes both ways")
    func everyBit() {
        var random = SecureRandom()
        var ones: UInt64 = 0
        var zeros: UInt64 = 0
        for _ in 0..<200 {
            let word = random.next()
            ones |= word
            zeros |= ~word
        }
        #expect(ones == .max)
        #expect(zeros == .max)
    }

    @Test("equal is equal, whatever holds the bytes")
    func equality() {
        #expect(constantTimeEquals("same".utf8, Array("same".utf8)))
        #expect(constantTimeEquals([UInt8](), [UInt8]()))
        #expect(constantTimeEquals([1, 2, 3].lazy.map { UInt8($0) }, [1, 2, 3]))
        #expect(!constantTimeEquals("same".utf8, "sane".utf8))
        #expect(!constantTimeEquals("same".utf8, "samee".utf8))
    }
}
