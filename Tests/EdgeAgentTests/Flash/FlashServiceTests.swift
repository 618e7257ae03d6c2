import Foundation
import Glibc
import Hardware
import Platform
import SharedModels
import Synchronization
import TestSupport
import Testing

@testable import Agent

/// Flashing through a real bootloader on a simulated chip, with avrdude.
@Suite("Flash an Uno", .serialized)
struct FlashServiceTests {
    @Test("new firmware is written, proved and committed; the same again is not")
    func flashes() async throws {
        let (old, new) = try (
            FlashTestKit.firmware(FlashTestKit.old), FlashTestKit.firmware(FlashTestKit.next)
        )
        let board = try await FlashBoard.start()
        let state = try TestProcess.makeFolder("flash-state")
        let seen = Mutex<[FlashProgress]>([])
        let service = try FlashTestKit.service(state)
        let report = try await service.flash(.init(port: board.port)) { progress in
            seen.withLock { $0.append(progress) }
        }
        #expect(report.end == .flashed)
        #expect(report.before == old.facts)
        #expect(report.runs == new.facts)
        #expect(try await board.has(new.image))
        #expect(!FlashFolder(StateFolder(path: state)).hasJournal)
        #expect(board.risings == 0, "an output was switched on")
        let steps = seen.withLock { $0 }
        #expect(steps.contains(FlashProgress(.readingOld, percent: 50)))
        #expect(steps.contains(FlashProgress(.writing, percent: 50)))
        #expect(steps.contains(FlashProgress(.verifying, percent: 100)))
        // What was read from the board is what it had.
        let kept = try IntelHex.read(
            SmallFile.read("\(state)/flash/old.hex", sizeMax: 1 << 20))
        let range = try #require(old.image.range)
        #expect(kept.bytes(in: range) == old.image.bytes(in: range))

        let again = try await service.flash(.init(port: board.port))
        #expect(again.end == .current)
    }

    @Test("a blank board is flashed if its kind is named")
    func flashesBlank() async throws {
        let new = try FlashTestKit.firmware(FlashTestKit.next)
        let board = try await FlashBoard.start(firmware: nil)
        let service = try FlashTestKit.service(try TestProcess.makeFolder("flash-state"))
        await #expect(throws: FlashProblem.self) {
            try await service.flash(.init(port: board.port))
        }
        let report = try await service.flash(.init(port: board.port, board: "uno"))
        #expect(report.end == .flashed)
        #expect(report.before == nil)
        #expect(report.runs == new.facts)
    }

    @Test("firmware that does not say hello is taken back")
    func putsBack() async throws {
        let old = try FlashTestKit.firmware(FlashTestKit.old)
        let board = try await FlashBoard.start()
        let state = try TestProcess.makeFolder("flash-state")
        let mute = try FlashTestKit.mute(in: state)
        let service = try FlashTestKit.service(
            state, images: FlashTestKit.old, proof: .seconds(8))
        await #expect(
            throws: FlashProblem.putBack(
                reason: "the new firmware was written, and does not say that it runs")
        ) {
            try await service.flash(.init(port: board.port, source: .file(mute)))
        }
        #expect(try await board.has(old.image))
        #expect(try await FlashTestKit.hello(board.port) == old.facts)
        #expect(!FlashFolder(StateFolder(path: state)).hasJournal)
    }

    @Test("a board with another chip is refused before the first write")
    func refusesChip() async throws {
        _ = try FlashTestKit.firmware(FlashTestKit.next)
        let folder = try TestProcess.makeFolder("flash-chip")
        let peer = try FlashPeer.start(
            "fake_optiboot.py", ["--signature", "1e9801", "--log", folder + "/log"])
        let service = try FlashTestKit.service(folder)
        let problem = await #expect(throws: FlashProblem.self) {
            try await service.flash(.init(port: try await peer.port(), board: "uno"))
        }
        guard case .refused(let reason) = problem else {
            Issue.record("\(String(describing: problem))")
            return
        }
        #expect(reason.contains("0x1e9801"))
        #expect(access(folder + "/log", F_OK) != 0, "a page was written")
        #expect(!FlashFolder(StateFolder(path: folder)).hasJournal)
    }

    @Test("firmware for another board is refused before the first write")
    func refusesImage() async throws {
        let old = try FlashTestKit.firmware(FlashTestKit.old)
        let board = try await FlashBoard.start()
        let state = try TestProcess.makeFolder("flash-state")
        // The same bytes, with another board's name in the manifest.
        var bytes = old.image.bytes(in: try #require(old.image.range))
        let mark = Array("\"board\":\"uno\"".utf8)
        let at = try #require(bytes.firstRange(of: mark))
        bytes.replaceSubrange(at, with: Array("\"board\":\"una\"".utf8))
        let path = state + "/una.hex"
        try SmallFile.replace(path, with: IntelHex.write(FirmwareImage(at: 0, bytes)))
        let service = try FlashTestKit.service(state)
        for request in [
            FlashService.Request(port: board.port, source: .file(path)),
            FlashService.Request(port: board.port, board: "mega"),
        ] {
            let problem = await #expect(throws: FlashProblem.self) {
                try await service.flash(request)
            }
            guard case .refused = problem else {
                Issue.record("\(String(describing: problem))")
                return
            }
        }
        #expect(try await board.has(old.image))
        #expect(!FlashFolder(StateFolder(path: state)).hasJournal)
    }

    @Test("a bit that flips on the line is found, and the image written again")
    func survivesFlips() async throws {
        let new = try FlashTestKit.firmware(FlashTestKit.next)
        let board = try await FlashBoard.start()
        // The former image is known by its build, so the first thing that is long is writing.
        let service = try FlashTestKit.service(try TestProcess.makeFolder("flash-state"))
        let line = try FlashPeer.start(
            "noisy_line.py", ["--to", board.port, "--flip-after", "6000"])
        let attempts = Mutex(0)
        let report = try await service.flash(.init(port: try await line.port())) { progress in
            if progress.step == .journaled(.writing) { attempts.withLock { $0 += 1 } }
        }
        #expect(report.end == .flashed)
        #expect(attempts.withLock { $0 } == 2, "the flip did no harm")
        #expect(try await board.has(new.image))
    }

    @Test("a line that is cut for good leaves a journal, and resuming on another port ends it")
    func resumesAfterCut() async throws {
        let new = try FlashTestKit.firmware(FlashTestKit.next)
        let board = try await FlashBoard.start()
        let state = try TestProcess.makeFolder("flash-state")
        let service = try FlashTestKit.service(state)
        let line = try FlashPeer.start("noisy_line.py", ["--to", board.port])
        let port = try await line.port()
        let problem = await #expect(throws: FlashProblem.self) {
            try await service.flash(.init(port: port)) { progress in
                if progress == FlashProgress(.writing, percent: 50) { line.kill() }
            }
        }
        guard case .stranded(_, port: port) = problem else {
            Issue.record("\(String(describing: problem))")
            return
        }
        await #expect(throws: FlashProblem.unfinished(board: "uno", port: port)) {
            try await service.flash(.init(port: board.port))
        }
        let report = try #require(try await service.resume(port: board.port))
        #expect(report.runs == new.facts)
        #expect(try await board.has(new.image))
    }

    @Test("without avrdude it says how to get it")
    func needsAvrdude() async throws {
        _ = try FlashTestKit.firmware(FlashTestKit.next)
        let board = try await FlashBoard.start()
        let service = try FlashTestKit.service(
            try TestProcess.makeFolder("flash-state"), avrdude: "/nowhere/avrdude")
        await #expect(
            throws: FlashProblem.notStarted("avrdude is missing; install it: apt install avrdude")
        ) {
            try await service.flash(.init(port: board.port))
        }
    }

    @Test("a running agent lets go of the port, and drives the board again afterwards")
    func leases() async throws {
        let new = try FlashTestKit.firmware(FlashTestKit.next)
        let board = try await FlashBoard.start()
        let agent = try TestAgent(
            folder: try TestProcess.makeFolder("agent"), ports: [board.port])
        try await agent.start()
        try await agent.armed()
        let service = try FlashTestKit.service(
            try TestProcess.makeFolder("flash-state"), leases: .of(agent.core))
        let wasOpen = Mutex(false)
        let report = try await service.flash(.init(port: board.port)) { progress in
            if progress.step == .asking {
                // The agent's own word for it: the board is away.
                wasOpen.withLock { $0 = agent.states.last?.boards.first?.condition != .offline }
            }
        }
        #expect(report.runs == new.facts)
        try await agent.armed()
        #expect(board.risings == 0, "an output was switched on")
        await agent.end()
    }

    @Test("a lease ends by itself")
    func leaseEnds() async throws {
        let board = try await SimulatedBoard.start()
        let agent = try TestAgent(
            folder: try TestProcess.makeFolder("agent"), ports: [board.port])
        try await agent.start()
        try await agent.armed()
        // In one turn of the loop: it may end before the next.
        let isOpen = await agent.onLoop { core in
            core.lease(board.port, seconds: 2)
            return core.status.ports.contains { $0.isOpen }
        }
        #expect(!isOpen)
        try await agent.wait("the board") {
            await agent.onLoop { $0.status.ports.contains { $0.isOpen } }
        }
        try await agent.armed()
        await agent.end()
    }

    @Test("the control socket leases and releases a port")
    func leasesBySocket() async throws {
        let board = try await SimulatedBoard.start()
        let folder = try TestProcess.makeFolder("agent")
        let agent = try TestAgent(folder: folder, ports: [board.port])
        try await agent.start()
        try await agent.armed()
        let path = folder + "/control.sock"
        let server = await agent.onLoop { core in
            let server = ControlServer(
                path: path, loop: core.loop, log: Log(component: "test", minimum: .error),
                lease: { core.lease($0, seconds: $1) }, takeBack: { core.takeBack($0) },
                release: { core.release($0) }
            ) { core.status }
            do { try server.start() } catch { Issue.record(error) }
            return Carried(server)
        }
        let leases = PortLeases.ofAgent(at: path)
        try await leases.take(board.port, 60)
        #expect(try ControlClient.status(at: path).ports.allSatisfy { !$0.isOpen })
        await leases.giveBack(board.port)
        try await agent.armed()
        await agent.onLoop { _ in server.value.end() }
        // Nobody to ask is nobody in the way.
        try await PortLeases.ofAgent(at: path).take(board.port, 60)
        await agent.end()
    }

    private struct Carried: @unchecked Sendable {
        let value: ControlServer
        init(_ value: ControlServer) { self.value = value }
    }

    @Test("two processes do not flash at once")
    func locks() async throws {
        let state = try TestProcess.makeFolder("flash-state")
        let folder = FlashFolder(StateFolder(path: state))
        try folder.make()
        let lock = try folder.lock()
        let service = try FlashTestKit.service(state)
        await #expect(throws: FlashProblem.inProgress) {
            try await service.flash(.init(port: "/dev/null"))
        }
        lock.release()
    }
}

/// A program of Tests/Peers that stands in for a board or a line.
final class FlashPeer: Sendable {
    let folder: String
    private let process: TestProcess
    private var link: String { folder + "/port" }

    static func start(_ script: String, _ arguments: [String]) throws -> FlashPeer {
        try FlashPeer(script, arguments)
    }

    private init(_ script: String, _ arguments: [String]) throws {
        folder = try TestProcess.makeFolder("flash-peer")
        process = try TestProcess.spawn(
            [
                "/usr/bin/python3", "\(SimulatedBoard.root)/Tests/Peers/\(script)", "--link",
                folder + "/port",
            ] + arguments, output: folder + "/log", asRoot: true)
    }

    /// Its port, once it is there.
    func port() async throws -> String {
        for _ in 0..<6000 where access(link, F_OK) != 0 {
            try await Task.sleep(for: .milliseconds(10))
        }
        try #require(access(link, F_OK) == 0, "\(TestProcess.text(folder + "/log"))")
        return link
    }

    func kill() { process.kill() }

    deinit { process.kill() }
}
