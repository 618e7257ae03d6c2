import Crypto
import Platform
import Testing

@Suite("Base64 and hexadecimal")
struct EncodingTests {
    @Test(
        "the vectors of RFC 4648 §10",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
        ])
    func vectors(plain: String, text: String) {
        #expect(Base64.encode(plain.utf8) == text)
        #expect(Base64.decode(text) == Array(plain.utf8))
        let short = String(text.prefix { $0 != "=" })
        #expect(Base64URL.encode(plain.utf8) == short)
        #expect(Base64URL.decode(short) == Array(plain.utf8))
    }

    @Test("all sizes and bytes survive the way there and back")
    func roundTrip() {
        for size in 0..<200 {
            let bytes = SecureRandom.bytes(size)
            #expect(Base64URL.decode(Base64URL.encode(bytes)) == bytes)
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
            #expect(Hexadecimal.decode(Hexadecimal.encode(bytes)) == bytes)
        }
        #expect(Base64URL.encode([0xfb, 0xff]) == "-_8")
    }

    @Test(
        "what is not the one written form is refused",
        arguments: ["Zg==", "Zg=", "Z", "Zh", "Zm9", "Zm9v\n", " Zm9v", "Zm+v", "Zm/v", "Zm9vé"])
    func strictURL(text: String) { #expect(Base64URL.decode(text) == nil) }

    @Test(
        "plain base64 insists on its padding",
        arguments: ["Zg", "Zg=", "Zg===", "=", "====", "Zh==", "Zm9=", "Zm-v", "Z=g="])
    func strictPlain(text: String) { #expect(Base64.decode(text) == nil) }

    @Test("hexadecimal reads both cases and nothing else")
    func hexadecimal() {
        #expect(Hexadecimal.decode("00fFAb") == [0, 255, 171])
        for text in ["0", "0g", "0x00", " 00", "é0"] { #expect(Hexadecimal.decode(text) == nil) }
    }
}
