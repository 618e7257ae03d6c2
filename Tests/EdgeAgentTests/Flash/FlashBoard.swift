import Foundation
import Glibc
import Hardware
import Platform
import SharedModels
import TestSupport
import Testing

@testable import Agent

/// An Uno on a simulated chip with a real bootloader, whose flash can be looked at.
final class FlashBoard: Sendable {
    static let firmware = "\(SimulatedBoard.root)/.build/firmware"
    static let optiboot =
        "/usr/share/arduino/hardware/arduino/avr/bootloaders/optiboot/optiboot_atmega328.hex"

    let folder: String
    let port: String
    private let process: TestProcess
    /// Holding both ends keeps the simulator's input open.
    private let control: Int32

    /// - Parameter firmware: what it runs at first; nil for the bootloader alone.
    static func start(firmware: String? = FlashBoard.firmware + "/uno.hex") async throws
        -> FlashBoard
    {
        let board = try FlashBoard(firmware)
        for _ in 0..<6000 where access(board.port, F_OK) != 0 {
            try await Task.sleep(for: .milliseconds(10))
        }
        guard access(board.port, F_OK) == 0 else {
            throw SimulatedBoard.Problem.silent(TestProcess.text(board.folder + "/log"))
        }
        return board
    }

    private init(_ firmware: String?) throws {
        let program = "\(Self.firmware)/cuelight-board-avr"
        guard access(program, X_OK) == 0 else { throw SimulatedBoard.Problem.missing(program) }
        folder = try TestProcess.makeFolder("flash-board")
        port = folder + "/port"
        let fifo = folder + "/control"
        guard mkfifo(fifo, 0o600) == 0 else { throw LinuxError.current("mkfifo") }
        control = open(fifo, O_RDWR | O_CLOEXEC)
        var command = "exec \(program) --pty-link \(port) --events \(folder)/events"
        command +=
            " --bootloader \(Self.optiboot) --flash \(folder)/flash --eeprom \(folder)/eeprom"
        if let firmware { command += " --firmware \(firmware)" }
        process = try TestProcess.spawn(
            ["/bin/sh", "-c", command + " --uid 00000000000000ab < \(fifo)"],
            output: folder + "/log", asRoot: true)
    }

    deinit {
        process.kill()
        close(control)
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Waits until the flash, as the simulator keeps it, has all of an image.
    func has(_ image: FirmwareImage, seconds: Int = 60) async throws -> Bool {
        guard let range = image.range else { return false }
        for _ in 0..<seconds * 50 {
            if let flash = FileManager.default.contents(atPath: folder + "/flash"),
                flash.count >= range.upperBound,
                Array(flash[range.lowerBound..<range.upperBound]) == image.bytes(in: range)
            {
                return true
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        return false
    }

    /// The rising edges of all switching outputs.
    var risings: Int {
        // Not there before the simulator has said anything.
        let text = (try? String(contentsOfFile: folder + "/events", encoding: .utf8)) ?? ""
        // D13 is the bootloader's own lamp.
        return text.split(separator: "\n").filter { line in
            ["\"D7\"", "\"D8\""].contains { line.contains($0) } && line.contains("\"level\":1")
        }.count
    }
}

/// Firmware and services for tests of flashing.
enum FlashTestKit {
    /// What the simulated Uno runs at first.
    static let old = FlashBoard.firmware
    /// Another release for it.
    static let next = "\(SimulatedBoard.root)/.build/firmware-next"

    /// esptool of PyPI, where `Tests/peers.sh` has put it.
    static let esptool: String = "\(SimulatedBoard.root)/.build/peers/bin/esptool"
    static let hasEsptool: Bool = access(esptool, X_OK) == 0

    /// Builds the other release, once.
    static let nextIsBuilt: Bool = {
        guard
            let build = try? TestProcess.spawn(
                ["/bin/sh", "\(SimulatedBoard.root)/Tests/Peers/next_firmware.sh"],
                output: "/dev/null", asRoot: true)
        else { return false }
        return build.succeeds()
    }()

    static func firmware(_ folder: String) throws -> FirmwareLibrary.Firmware {
        try #require(nextIsBuilt, "the second firmware does not build")
        return try FirmwareLibrary(folder: folder).firmware(for: "uno")
    }

    static func service(
        _ state: String, images: String = next, leases: PortLeases = .none,
        proof: Duration = .seconds(20), avrdude: String = "/usr/bin/avrdude"
    ) throws -> FlashService {
        var settings = FlashService.Settings()
        // The bootloader's second and more, on a simulated chip that has a part of a core.
        settings.asking = .seconds(8)
        settings.proof = proof
        settings.avrdude = avrdude
        return FlashService(
            folder: StateFolder(path: state), library: FirmwareLibrary(folder: images),
            leases: leases, loop: try EventLoop.start(name: "flash-test"), settings: settings)
    }

    /// The next firmware, broken so that it never says hello: its reset vector jumps to itself.
    static func mute(in folder: String) throws -> String {
        let next = try firmware(next).image
        let range = try #require(next.range)
        let bytes = [0xFF, 0xCF] + next.bytes(in: range).dropFirst(2)
        let path = "\(folder)/mute.hex"
        try SmallFile.replace(path, with: IntelHex.write(FirmwareImage(at: 0, Array(bytes))))
        return path
    }

    /// Who answers on the port.
    static func hello(_ port: String) async throws -> FirmwareFacts? {
        let loop = try EventLoop.start(name: "flash-hello")
        defer { loop.stop() }
        if case .found(let facts, _) = await BoardProbe.ask(
            port, patience: .seconds(20), loop: loop)
        {
            return facts
        }
        return nil
    }
}
