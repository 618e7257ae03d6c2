import Foundation
import Glibc
import Hardware
import Platform
import SharedModels
import Synchronization
import TestSupport
import Testing

@testable import Agent

/// The flashing process is killed, and whoever comes next brings the board to firmware that is
/// known and runs.
@Suite("Flash, killed")
struct FlashKillTests {
    /// Simulated chips at once: each takes a part of a core, in real time.
    private static let turns = Turns(3)

    /// When it dies: the progress it reports, in its own words.
    static let whileFlashing = [
        "asking the board who it is", "looking for the bootloader", "keeping both images",
        "journal: prepared", "journal: writing", "writing 0 %", "writing 2 %", "writing 20 %",
        "writing 40 %", "writing 60 %", "writing 80 %", "writing 100 %", "verifying 2 %",
        "verifying 50 %", "verifying 100 %", "journal: written", "waiting for the new firmware",
        "committed",
    ]
    /// With firmware that never says hello.
    static let whilePuttingBack = [
        "journal: restoring", "putting the former firmware back 0 %",
        "putting the former firmware back 40 %", "putting the former firmware back 100 %",
        "waiting for the former firmware",
    ]

    @Test("wherever it dies while flashing, resuming ends it", arguments: whileFlashing)
    func dies(_ point: String) async throws {
        await Self.turns.take()
        defer { Self.turns.giveBack() }
        let (old, new) = try (
            FlashTestKit.firmware(FlashTestKit.old), FlashTestKit.firmware(FlashTestKit.next)
        )
        let board = try await FlashBoard.start()
        let state = try TestProcess.makeFolder("flash-state")
        try await Self.flashAndDie(board.port, state, images: state, image: "", at: point)
        let service = try FlashTestKit.service(state)
        let report = try await service.resume()
        let isUntouched = Self.whileFlashing.prefix(4).contains(point)
        let expected = isUntouched ? old : new
        switch point {
        case "journal: prepared": #expect(report?.end == .untouched)
        case "committed": #expect(report == nil)
        default: #expect(report?.end == (isUntouched ? nil : .flashed))
        }
        #expect(try await FlashTestKit.hello(board.port) == expected.facts)
        #expect(try await board.has(expected.image))
        #expect(try await service.resume() == nil, "something was left")
    }

    @Test("wherever it dies while putting back, resuming ends it", arguments: whilePuttingBack)
    func diesPuttingBack(_ point: String) async throws {
        await Self.turns.take()
        defer { Self.turns.giveBack() }
        let old = try FlashTestKit.firmware(FlashTestKit.old)
        let board = try await FlashBoard.start()
        let state = try TestProcess.makeFolder("flash-state")
        let mute = try FlashTestKit.mute(in: state)
        try await Self.flashAndDie(
            board.port, state, images: FlashTestKit.old, image: mute, at: point)
        let service = try FlashTestKit.service(state)
        let report = try #require(try await service.resume())
        #expect(report.end == .putBack)
        #expect(report.runs == old.facts)
        #expect(try await FlashTestKit.hello(board.port) == old.facts)
        #expect(try await board.has(old.image))
        #expect(try await service.resume() == nil, "something was left")
    }

    /// Flashes in a process of its own, which SIGKILL ends at the point.
    private static func flashAndDie(
        _ port: String, _ state: String, images: String, image: String, at point: String
    ) async throws {
        if images == state { try makeLibrary(in: state) }
        await #expect(processExitsWith: .signal(SIGKILL)) {
            [
                port = port as String, state = state as String, images = images as String,
                image = image as String, point = point as String
            ] in
            let service = try FlashTestKit.service(state, images: images, proof: .seconds(8))
            _ = try await service.flash(
                .init(port: port, source: image.isEmpty ? .library : .file(image))
            ) { progress in
                if progress.description == point { raise(SIGKILL) }
            }
        }
    }

    private static func uno(in folder: String) throws -> FirmwareLibrary.Entry {
        try #require(FirmwareLibrary(folder: folder).entries().first { $0.board == "uno" })
    }

    /// The next firmware for the board, and the old one, so that it is known by its build.
    private static func makeLibrary(in folder: String) throws {
        let files = FileManager.default
        try files.copyItem(atPath: FlashTestKit.next + "/uno.hex", toPath: folder + "/next.hex")
        try files.copyItem(atPath: FlashTestKit.old + "/uno.hex", toPath: folder + "/old.hex")
        let next = try uno(in: FlashTestKit.next)
        let old = try uno(in: FlashTestKit.old)
        let entries = [(next, "next.hex"), (old, "old.hex")].map { entry, file in
            """
            {"board":"uno","version":"\(entry.version)","build":"\(entry.build)",
             "file":"\(file)","sha256":"\(entry.sha256)"}
            """
        }
        try SmallFile.replace(
            folder + "/index.json",
            with: Array("{\"format\":1,\"firmware\":[\(entries.joined(separator: ","))]}".utf8))
    }
}

/// So many at once; the rest wait in line.
private final class Turns: Sendable {
    private struct State {
        var free: Int
        var line: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    init(_ count: Int) { state = Mutex(State(free: count)) }

    func take() async {
        await withCheckedContinuation { turn in
            let isFree = state.withLock { state in
                guard state.free == 0 else {
                    state.free -= 1
                    return true
                }
                state.line.append(turn)
                return false
            }
            if isFree { turn.resume() }
        }
    }

    func giveBack() {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard state.line.isEmpty else { return state.line.removeFirst() }
            state.free += 1
            return nil
        }
        next?.resume()
    }
}
