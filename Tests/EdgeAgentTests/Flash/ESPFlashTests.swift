import Crypto
import Foundation
import Glibc
import Hardware
import Platform
import SharedModels
import Synchronization
import TestSupport
import Testing

@testable import Agent

/// The ESP32's ROM as a conversation of values.
@Suite("ESP session")
struct ESPSessionTests {
    private static func answer(
        _ operation: ESPCommand.Operation, value: UInt32 = 0, data: [UInt8] = [],
        status: [UInt8] = [0, 0, 0, 0]
    ) -> [UInt8] {
        let body = data + status
        let word = (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        return SLIP.encode(
            [1, operation.rawValue, UInt8(body.count), 0] + word + body)
    }

    private static func attached(_ job: ESPSession.Job) -> ESPSession {
        var session = ESPSession(job, chip: .esp32C3)
        _ = session.start(at: 0)
        _ = session.receive(answer(.sync), at: 0)
        _ = session.receive(answer(.readRegister, value: 0x1B31_506F), at: 0)
        _ = session.receive(answer(.spiAttach), at: 0)
        return session
    }

    @Test("writing goes from SYNC to the digest, block by block")
    func writes() {
        let image = FirmwareImage(at: 0x10000, [UInt8](repeating: 7, count: 1500))
        var session = ESPSession(.write(image), chip: .esp32C3)
        #expect(session.start(at: 0) == [.send(ESPCommand.sync.wire)])
        #expect(
            session.receive(Self.answer(.sync) + Self.answer(.sync), at: 1)
                == [.send(ESPCommand.readRegister(0x4000_1000).wire)])
        #expect(
            session.receive(Self.answer(.readRegister, value: 0x1B31_506F), at: 2)
                == [.send(ESPCommand.spiAttach.wire)])
        #expect(
            session.receive(Self.answer(.spiAttach), at: 3)
                == [.send(ESPCommand.spiSetParameters.wire)])
        let begin = ESPCommand.flashBegin(address: 0x10000, sizeBytes: 1500, chip: .esp32C3)
        #expect(session.receive(Self.answer(.spiSetParameters), at: 4) == [.send(begin.wire)])
        let first = ESPCommand.flashData(number: 0, [UInt8](repeating: 7, count: 1024))
        #expect(
            session.receive(Self.answer(.flashBegin), at: 5)
                == [.progress(done: 1, total: 4), .send(first.wire)])
        let second = ESPCommand.flashData(number: 1, [UInt8](repeating: 7, count: 476))
        #expect(second.payload.count == 16 + 1024)
        #expect(
            session.receive(Self.answer(.flashData), at: 6)
                == [.progress(done: 2, total: 4), .send(second.wire)])
        let digest = ESPCommand.spiFlashMD5(address: 0x10000, sizeBytes: 1500)
        #expect(
            session.receive(Self.answer(.flashData), at: 7)
                == [.progress(done: 3, total: 4), .send(digest.wire)])
        let sum = Array(
            Hexadecimal.encode(MD5.hash([UInt8](repeating: 7, count: 1500))).utf8)
        #expect(
            session.receive(Self.answer(.spiFlashMD5, data: sum), at: 8)
                == [.progress(done: 4, total: 4), .finished([])])
    }

    @Test("another chip is told before anything is written")
    func wrongChip() {
        var session = ESPSession(.write(FirmwareImage(at: 0x10000, [1])), chip: .esp32C3)
        _ = session.start(at: 0)
        _ = session.receive(Self.answer(.sync), at: 0)
        #expect(
            session.receive(Self.answer(.readRegister, value: 0x00F0_1D83), at: 0)
                == [.failed(.wrongChip(magic: 0x00F0_1D83))])
    }

    @Test("a different digest, a refusal and an answer that makes no sense end it")
    func failures() {
        let image = FirmwareImage(at: 0x10000, [1])
        var different = Self.attached(.verify(image))
        _ = different.receive(Self.answer(.spiSetParameters), at: 0)
        #expect(
            different.receive(
                Self.answer(.spiFlashMD5, data: [UInt8](repeating: 48, count: 32)), at: 0)
                == [.failed(.different)])
        var refused = Self.attached(.write(image))
        #expect(
            refused.receive(Self.answer(.spiSetParameters, status: [1, 6, 0, 0]), at: 0)
                == [.failed(.refused(.spiSetParameters, reason: 6))])
        var senseless = Self.attached(.verify(image))
        _ = senseless.receive(Self.answer(.spiSetParameters), at: 0)
        #expect(
            senseless.receive(Self.answer(.spiFlashMD5, data: [1, 2]), at: 0)
                == [.failed(.badAnswer(.spiFlashMD5))])
    }

    @Test("silence ends it, in every stage")
    func silence() {
        var session = ESPSession(.identify, chip: .esp32)
        _ = session.start(at: 0)
        var last: [ESPSession.Action] = []
        for _ in 0..<ESPSession.Limits.syncsMax {
            guard let due = session.nextDeadlineNanoseconds else { break }
            last = session.tick(at: due)
        }
        #expect(last == [.failed(.silent)])
        #expect(session.nextDeadlineNanoseconds == nil)
        var later = Self.attached(.identify)
        #expect(later.tick(at: .max) == [.failed(.unanswered(.spiSetParameters))])
    }

    @Test("no bytes trap a session, in any stage")
    func hostile() {
        var random = SplitMix(seed: 11)
        let image = FirmwareImage(at: 0x10000, [UInt8](repeating: 3, count: 3000))
        let answers: [[UInt8]] = [
            Self.answer(.sync), Self.answer(.readRegister, value: 0x1B31_506F),
            Self.answer(.spiAttach), Self.answer(.spiSetParameters), Self.answer(.flashBegin),
            Self.answer(.flashData), Self.answer(.spiFlashMD5),
            Self.answer(.readFlashSlow, data: [UInt8](repeating: 1, count: 64)),
        ]
        for _ in 0..<500 {
            let job: ESPSession.Job =
                Bool.random(using: &random) ? .write(image) : .read(0x10000..<0x10100)
            var session = ESPSession(job, chip: .esp32C3)
            _ = session.start(at: 0)
            for _ in 0..<40 {
                var bytes = answers.randomElement(using: &random) ?? []
                if Int.random(in: 0..<3, using: &random) == 0, !bytes.isEmpty {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(
                        in: 0...255, using: &random)
                }
                _ = session.receive(bytes, at: 0)
            }
        }
    }
}

/// Flashing an ESP32 whose ROM is a program; esptool judges both.
@Suite("Flash an ESP32")
struct ESPFlashTests {
    /// An image as large as small firmware, with a manifest in it.
    private static func image(_ chip: ESPChip, version: String, build: String) throws -> [UInt8] {
        var random = SplitMix(seed: UInt64(build.utf8.reduce(0) { $0 + Int($1) }))
        var bytes: [UInt8] = [0xE9, 1, 2, 0x20] + [UInt8](repeating: 0, count: 8)
        bytes += [UInt8(chip.imageChipID), 0] + [UInt8](repeating: 0, count: 10)
        bytes += (0..<6000).map { _ in UInt8.random(in: 0...255, using: &random) }
        let manifest = """
            {"protocol":1,"board":"\(chip.rawValue)","firmware":"\(version)","build":"\(build)",\
            "rx_window":192,"frame_max":52,"channels":[{"id":0,"name":"lamp","kind":"relay",\
            "pin":2,"max_on_ms":1000,"min_pause_ms":5,"safe":0,"delivery":"at_least_once",\
            "quiet":false}]}
            """
        bytes += Array(manifest.utf8)
        return bytes + (0..<3000).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    private struct Stand {
        let state: String
        let flash: String
        let port: String
        let peer: FlashPeer
        let old: [UInt8]
        let new: [UInt8]
        let service: FlashService

        func content(_ count: Int) throws -> [UInt8] {
            let flash = try #require(FileManager.default.contents(atPath: flash))
            return Array(flash[0x10000..<0x10000 + count])
        }
    }

    private func build(_ chip: ESPChip = .esp32C3, fault: String = "") async throws -> Stand {
        let state = try TestProcess.makeFolder("flash-esp")
        let (old, new) = try (
            Self.image(chip, version: "1.0.0", build: "00000001"),
            Self.image(chip, version: "9.9.9", build: "00000002")
        )
        let flash = state + "/flash.bin"
        try SmallFile.replace(
            flash, with: [UInt8](repeating: 0xFF, count: 0x10000) + old)
        try SmallFile.replace(state + "/new.bin", with: new)
        let entry = """
            {"format":1,"firmware":[{"board":"\(chip.rawValue)","version":"9.9.9",
             "build":"00000002","file":"new.bin","address":65536,
             "sha256":"\(Hexadecimal.encode(SHA256.hash(new)))"}]}
            """
        try SmallFile.replace(state + "/index.json", with: Array(entry.utf8))
        var arguments = ["--chip", chip.rawValue, "--flash", flash]
        if !fault.isEmpty { arguments += ["--fault", fault] }
        let peer = try FlashPeer.start("fake_esp_rom.py", arguments)
        return Stand(
            state: state, flash: flash, port: try await peer.port(), peer: peer, old: old,
            new: new,
            service: try FlashTestKit.service(state, images: state, proof: .seconds(6)))
    }

    @Test("new firmware is written, compared and proved", arguments: ESPChip.allCases)
    func flashes(_ chip: ESPChip) async throws {
        let stand = try await build(chip)
        let report = try await stand.service.flash(.init(port: stand.port))
        #expect(report.end == .flashed)
        #expect(report.runs?.build == "00000002")
        #expect(report.before?.build == "00000001")
        #expect(try stand.content(stand.new.count) == stand.new)
    }

    @Test("firmware that does not say hello is taken back")
    func putsBack() async throws {
        let stand = try await build(fault: "deaf")
        let problem = await #expect(throws: FlashProblem.self) {
            try await stand.service.flash(.init(port: stand.port))
        }
        guard case .putBack = problem else {
            Issue.record("\(String(describing: problem))")
            return
        }
        #expect(try stand.content(stand.old.count) == stand.old)
    }

    @Test("a bit that flips is found by the digest, and the image written again")
    func survivesFlips() async throws {
        let stand = try await build(fault: "flip=4")
        #expect(try await stand.service.flash(.init(port: stand.port)).end == .flashed)
        #expect(try stand.content(stand.new.count) == stand.new)
    }

    @Test("a chip that falls silent half-way leaves a journal; the next one is flashed")
    func resumes() async throws {
        let stand = try await build(fault: "dies=4")
        let problem = await #expect(throws: FlashProblem.self) {
            try await stand.service.flash(.init(port: stand.port))
        }
        guard case .stranded = problem else {
            Issue.record("\(String(describing: problem))")
            return
        }
        stand.peer.kill()
        let peer = try FlashPeer.start(
            "fake_esp_rom.py", ["--chip", "esp32c3", "--flash", stand.flash])
        let report = try #require(
            try await stand.service.resume(port: try await peer.port()))
        #expect(report.runs?.build == "00000002")
        #expect(try stand.content(stand.new.count) == stand.new)
    }

    @Test(
        "a chip that talks nonsense, refuses or is another one gets nothing written",
        arguments: ["hostile", "refuse", "mute"])
    func refuses(_ fault: String) async throws {
        let stand = try await build(fault: fault)
        await #expect(throws: FlashProblem.self) {
            try await stand.service.flash(.init(port: stand.port, board: "esp32c3"))
        }
        #expect(try stand.content(stand.old.count) == stand.old)
    }

    @Test("an ESP32 is no ESP32-C3")
    func refusesChip() async throws {
        let stand = try await build(.esp32C3)
        let programmer = ESPProgrammer(
            port: stand.port, chip: .esp32, room: 0x10000..<0x20000,
            loop: try EventLoop.start(name: "esp"))
        await #expect(throws: ProgrammerProblem.wrongChip("it is another chip (0x1b31506f)")) {
            try await programmer.connect()
        }
    }

    private func esptool(_ stand: Stand, _ arguments: [String]) throws -> Bool {
        let log = stand.state + "/esptool.log"
        let run = try TestProcess.spawn(
            [
                FlashTestKit.esptool, "--chip", "esp32c3", "--port", stand.port, "--no-stub",
                "--before",
                "no-reset", "--after", "no-reset",
            ] + arguments, output: log, asRoot: true)
        let isWell = run.succeeds()
        if !isWell { print(TestProcess.text(log)) }
        return isWell
    }

    @Test(
        "esptool finds what we wrote, and we find what esptool wrote",

        .enabled(if: FlashTestKit.hasEsptool, "esptool is not installed: run Tests/peers.sh"))
    func judges() async throws {
        let stand = try await build()
        _ = try await stand.service.flash(.init(port: stand.port))
        let new = stand.state + "/new.bin"
        #expect(try esptool(stand, ["verify-flash", "0x10000", new]))

        let other = try Self.image(.esp32C3, version: "5.0.0", build: "00000005")
        let path = stand.state + "/other.bin"
        try SmallFile.replace(path, with: other)
        #expect(try !esptool(stand, ["verify-flash", "0x10000", path]))
        #expect(
            try esptool(stand, ["write-flash", "--flash-size", "4MB", "0x10000", path]))
        let programmer = ESPProgrammer(
            port: stand.port, chip: .esp32C3, room: 0x10000..<0x20000,
            loop: try EventLoop.start(name: "esp"))
        let loader = try await programmer.connect()
        let range = 0x10000..<0x10000 + other.count
        let read = try await programmer.read(range, loader) { _ in }
        #expect(read.bytes(in: range) == other)
    }
}
