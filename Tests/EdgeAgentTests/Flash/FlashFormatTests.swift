import Crypto
import Foundation
import Hardware
import Platform
import TestSupport
import Testing

@testable import Agent

/// What is read of files and programs, whatever is in it.
@Suite("Flash formats")
struct FlashFormatTests {
    private static func text(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test("an image survives Intel HEX, across 64 KiB and with gaps")
    func hexRoundTrip() throws {
        let image = try #require(
            FirmwareImage([
                .init(address: 0x1_FFF5, bytes: Array(0..<200)),
                .init(address: 0x10, bytes: [1, 2, 3]),
                .init(address: 0x13, bytes: [4]),
            ]))
        #expect(image.segments.count == 2)
        let file = IntelHex.write(image)
        #expect(try IntelHex.read(file) == image)
        // As other programs write it.
        let known = ":10010000214601360121470136007EFE09D2190140\r\n:00000001FF\r\n"
        #expect(try IntelHex.read(Self.text(known)).range == 0x100..<0x110)
    }

    @Test(
        "damaged Intel HEX is told",
        arguments: [
            ("", "the end record is missing"),
            (":00000001FF\n:00000001FF\n", "line 2: more after the end record"),
            (":0100000001FE\n", "the end record is missing"),
            (":0100000001FD\n:00000001FF\n", "line 1: the check does not match"),
            (":0200000001FD\n:00000001FF\n", "line 1: a record of the wrong length"),
            (":01000000GGFE\n:00000001FF\n", "line 1: no hexadecimal digit"),
            ("hello\n", "line 1: no Intel HEX record"),
            (":00000009F7\n", "line 1: a record of unknown type 9"),
            (
                ":0100000001FE\n:0100000001FE\n:00000001FF\n",
                "it writes one address twice, or beyond 16 MB"
            ),
            (
                ":02000004FFFFFC\n:0100000001FE\n:00000001FF\n",
                "it writes one address twice, or beyond 16 MB"
            ),
        ])
    func hexProblems(_ file: String, _ problem: String) {
        #expect(throws: IntelHex.Problem.self) { try IntelHex.read(Self.text(file)) }
        do {
            _ = try IntelHex.read(Self.text(file))
        } catch {
            #expect("\(error)" == problem)
        }
    }

    @Test("no bytes trap the readers")
    func nothingTraps() {
        var random = SplitMix(seed: 7)
        let alphabet = Self.text(":0123456789ABCDEFabcdef\r\n{\"protocol\":1,}#|Writing Reading 0x")
        for _ in 0..<2000 {
            let bytes = (0..<Int.random(in: 0..<300, using: &random)).map { _ in
                Bool.random(using: &random)
                    ? alphabet.randomElement(using: &random) ?? 0
                    : UInt8.random(in: 0...255, using: &random)
            }
            // Refusing is right; trapping is what is looked for.
            _ = try? IntelHex.read(bytes)
            _ = FirmwareFacts(of: FirmwareImage(at: 0, bytes))
            var output = AvrdudeOutput()
            output.feed(bytes)
            var decoder = SLIP.Decoder()
            decoder.feed(bytes) { _ = ESPAnswer($0) }
        }
    }

    @Test(
        "MD5 is RFC 1321's",
        arguments: [
            ("", "d41d8cd98f00b204e9800998ecf8427e"), ("abc", "900150983cd24fb0d6963f7d28e17f72"),
            (
                "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
                "57edf4a22be3c955ac49da2e2107b67a"
            ),
            ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
        ])
    func md5(_ text: String, _ digest: String) {
        #expect(Hexadecimal.encode(MD5.hash(Self.text(text))) == digest)
    }

    @Test("MD5 at every length around its block is what coreutils says")
    func md5Lengths() throws {
        let folder = try TestProcess.makeFolder("md5")
        var names: [String] = []
        for count in [55, 56, 57, 63, 64, 65, 119, 120, 121, 1024, 5000] {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            let path = "\(folder)/\(Hexadecimal.encode(MD5.hash(bytes)))"
            try SmallFile.replace(path, with: bytes)
            names.append("\(Hexadecimal.encode(MD5.hash(bytes)))  \(path)\n")
        }
        try SmallFile.replace(folder + "/sums", with: Self.text(names.joined()))
        let check = try TestProcess.spawn(
            ["/usr/bin/md5sum", "--status", "-c", folder + "/sums"], output: folder + "/log",
            asRoot: true)
        #expect(check.succeeds())
    }

    @Test("SLIP finds packets in pieces, and leaves out what is broken or too long")
    func slip() {
        var decoder = SLIP.Decoder()
        var found: [[UInt8]] = []
        let packet: [UInt8] = [1, 0xC0, 0xDB, 2]
        let long = SLIP.encode([UInt8](repeating: 1, count: 5000))
        for byte in SLIP.encode(packet) + [0xC0, 0xDB, 0x00, 0xC0] + long + SLIP.encode([9]) {
            decoder.feed([byte]) { found.append($0) }
        }
        #expect(found == [packet, [9]])
    }

    @Test("avrdude's bars, chip and complaint are read as they come")
    func avrdude() {
        var output = AvrdudeOutput()
        var steps: [AvrdudeOutput.Progress] = []
        let text = """
            avrdude OS error: ioctl("TIOCMGET"): Inappropriate ioctl for device
            avrdude: device signature = 0x1e950f (probably m328p)

            Writing | #########################
            """
        for byte in text.utf8 { output.feed([byte]) { steps.append($0) } }
        #expect(output.signature == [0x1E, 0x95, 0x0F])
        #expect(steps.count == 25)
        #expect(steps.last?.activity == .writing)
        #expect(steps.last?.percent == 50)
        output.feed(Self.text("\navrdude error: verification mismatch\n"))
        #expect(output.complaint == "error: verification mismatch")
    }
}

/// Which images are taken.
@Suite("Firmware library")
struct FirmwareLibraryTests {
    private static let manifest =
        "{\"protocol\":1,\"board\":\"uno\",\"firmware\":\"1.2.3\",\"build\":\"89abcdef\",\"channels\":[]}"

    private func library(
        _ file: [UInt8], board: String = "uno", name: String = "a.hex", sha256: String? = nil,
        address: String = "null"
    ) throws -> FirmwareLibrary {
        let folder = try TestProcess.makeFolder("library")
        try SmallFile.replace("\(folder)/a.hex", with: file)
        try SmallFile.replace("\(folder)/a.bin", with: file)
        let sum = sha256 ?? Hexadecimal.encode(SHA256.hash(file))
        let index = """
            {"format":1,"firmware":[{"board":"\(board)","version":"1.2.3","build":"89abcdef",
             "file":"\(name)","sha256":"\(sum)","address":\(address)}]}
            """
        try SmallFile.replace("\(folder)/index.json", with: Array(index.utf8))
        return FirmwareLibrary(folder: folder)
    }

    private func hex(_ address: Int, _ text: String = FirmwareLibraryTests.manifest) -> [UInt8] {
        IntelHex.write(FirmwareImage(at: address, Array("\0\0{\(text)".utf8.dropFirst(2))))
    }

    private func refusal(_ library: FirmwareLibrary, _ board: String = "uno") -> String {
        do {
            return "taken: \(try library.firmware(for: board).facts.words)"
        } catch {
            return "\(error)"
        }
    }

    @Test("an image that is what its index says is taken")
    func takes() throws {
        #expect(refusal(try library(hex(0))) == "taken: uno 1.2.3, build 89abcdef")
    }

    @Test("a damaged, missing, foreign or mislabelled image is refused")
    func refuses() throws {
        let damaged = try library(hex(0), sha256: String(repeating: "0", count: 64))
        #expect(refusal(damaged).contains("damaged"))
        #expect(refusal(try library(Array("x".utf8))).contains("no Intel HEX record"))
        #expect(refusal(try library(hex(0, "nothing"))).contains("no manifest"))
        #expect(refusal(try library(hex(0), board: "nano"), "nano").contains("the index calls it"))
        #expect(refusal(try library(hex(0)), "mega").contains("there is no firmware"))
        #expect(refusal(try library(hex(0), name: "../a.hex")).contains("outside"))
        #expect(refusal(FirmwareLibrary(folder: "/nowhere")).contains("--images"))
        let printer = Self.manifest.replacing("uno", with: "printer")
        #expect(refusal(try library(hex(0, printer))).contains("cannot be flashed"))
    }

    @Test("an image that is too large or touches the bootloader is refused")
    func refusesBootloader() throws {
        #expect(refusal(try library(hex(0x7E00))).contains("bootloader"))
        #expect(refusal(try library(hex(0x7E00 - 8))).contains("bootloader"))
        let esp = Self.manifest.replacing("uno", with: "esp32c3")
        let image = Array("\u{1}".utf8) + Array(esp.utf8)
        let low = try library(image, board: "esp32c3", name: "a.bin", address: "4096")
        #expect(refusal(low, "esp32c3").contains("bootloader"))
        let wrong = try library(image, board: "esp32c3", name: "a.bin")
        #expect(refusal(wrong, "esp32c3").contains("no image for an ESP32-C3"))
    }
}
