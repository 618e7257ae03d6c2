import Hardware
import SharedModels
import Testing

@testable import Agent

@Suite("Upload of programs")
struct ProgramUploadTests {
    private let memory = ProgramMemory(
        (0..<5).map { (UInt8($0), ProgramMemoryTests.flashes) }, on: ProgramMemoryTests.manifest)

    private func committed(_ memory: ProgramMemory) -> CommittedPrograms {
        CommittedPrograms(sizeBytes: memory.sizeBytes, crc32: memory.crc32)
    }

    @Test("a board that has it already is not written")
    func same() {
        var upload = ProgramUpload(memory)
        #expect(upload.next(at: 0, isOn: true) == .sequenceRead)
        #expect(upload.next(at: 0, isOn: false) == nil, "one request at a time")
        upload.found(committed(memory))
        #expect(upload.condition == .ready)
        #expect(upload.next(at: .max, isOn: false) == nil)
        #expect(upload.nextDeadlineNanoseconds == nil)
    }

    /// Answers everything until nothing more is asked; what was written.
    private func serve(_ upload: inout ProgramUpload, from start: Int64 = 0) -> [UInt8] {
        var written: [UInt8] = []
        var now = start
        while let due = upload.nextDeadlineNanoseconds {
            now = max(now, due)
            switch upload.next(at: now, isOn: false) {
            case .sequenceRead: upload.found(CommittedPrograms(sizeBytes: 0, crc32: 0))
            case .sequenceWrite(let offset, let bytes):
                #expect(Int(offset) == written.count)
                #expect((1...40).contains(bytes.count))
                written += bytes
                upload.acknowledged()
            case .sequenceCommit(let programs):
                #expect(programs == committed(memory))
                upload.acknowledged()
            default: Issue.record("an unexpected request")
            }
        }
        return written
    }

    @Test("another one is written in pieces of 40 bytes, committed, and confirmed")
    func whole() {
        var upload = ProgramUpload(memory)
        #expect(serve(&upload) == memory.bytes)
        #expect(upload.condition == .ready)
        #expect(upload.chunksWritten == (memory.bytes.count + 39) / 40)
    }

    @Test("nothing is written while an output is on, and a busy board is asked again in time")
    func waiting() {
        var upload = ProgramUpload(memory)
        _ = upload.next(at: 0, isOn: true)
        upload.found(CommittedPrograms(sizeBytes: 0, crc32: 0))
        #expect(upload.next(at: 0, isOn: true) == nil)
        #expect(upload.nextDeadlineNanoseconds == ProgramUpload.Limits.pauseNanoseconds)
        #expect(upload.next(at: 100, isOn: false) == nil, "not before the pause is over")
        let first = upload.next(at: ProgramUpload.Limits.pauseNanoseconds, isOn: false)
        upload.refused(.busy, remainingMilliseconds: 164, at: 1_000_000_000)
        #expect(upload.nextDeadlineNanoseconds == 1_165_000_000)
        #expect(upload.next(at: 1_165_000_000, isOn: false) == first)
        upload.refused(.busy, remainingMilliseconds: 0, at: 2_000_000_000)
        #expect(upload.nextDeadlineNanoseconds == 2_200_000_000)
        #expect(upload.condition == .pending)
        #expect(serve(&upload, from: 2_200_000_000) == memory.bytes)
        #expect(upload.condition == .ready)
    }

    @Test("a commit that is refused is written once more, then given up")
    func invalid() {
        var upload = ProgramUpload(memory)
        _ = upload.next(at: 0, isOn: false)
        upload.found(CommittedPrograms(sizeBytes: 0, crc32: 0))
        var commits = 0
        while upload.condition == .pending {
            if case .sequenceCommit = upload.next(at: 0, isOn: false) {
                commits += 1
                upload.refused(.outOfRange, remainingMilliseconds: 0, at: 0)
            } else {
                upload.acknowledged()
            }
        }
        #expect(commits == ProgramUpload.Limits.attemptsMax)
        #expect(upload.condition == .refused(.invalid))
        #expect(upload.next(at: .max, isOn: false) == nil)
    }

    @Test("an old firmware, and a memory that is too small, are told apart")
    func refusals() {
        var old = ProgramUpload(memory)
        _ = old.next(at: 0, isOn: false)
        old.refused(.unknownType, remainingMilliseconds: 0, at: 0)
        #expect(old.condition == .refused(.unknown))
        var small = ProgramUpload(memory)
        _ = small.next(at: 0, isOn: false)
        small.found(CommittedPrograms(sizeBytes: 0, crc32: 0))
        _ = small.next(at: 0, isOn: false)
        small.refused(.outOfRange, remainingMilliseconds: 0, at: 0)
        #expect(small.condition == .refused(.tooLong))
    }
}

@Suite("Sequences at the agent")
struct SequenceDeskTests {
    private let uid = BoardUID(value: 0xAB)
    private let manifest = ProgramMemoryTests.manifest

    private func desk(_ sequences: [(Int, ChannelSequence)]) -> SequenceDesk {
        var desk = SequenceDesk()
        desk.take(
            AgentSequences(boards: [
                .init(
                    uid: uid,
                    sequences: sequences.map {
                        .init(number: $0.0, revision: 7, steps: $0.1.steps)
                    })
            ]))
        return desk
    }

    private func reason(
        _ desk: SequenceDesk, _ number: Int, _ upload: ProgramUpload?
    ) -> Reason? {
        do throws(SequenceDesk.Refusal) {
            _ = try desk.sequence(number, of: uid, upload: upload)
            return nil
        } catch { return error.reason }
    }

    @Test("what the board cannot do is refused with its place; the others are uploaded")
    func partly() throws {
        let wrong = ChannelSequence(steps: [.command(channel: "nowhere", .off)])
        var desk = desk([(1, wrong), (2, ProgramMemoryTests.flashes)])
        let wanted = desk.memory(of: uid, on: manifest)
        let memory = try #require(wanted)
        #expect(memory == ProgramMemory([(2, ProgramMemoryTests.flashes)], on: manifest))
        var upload = ProgramUpload(memory)
        #expect(desk.states(of: uid, upload: upload).map(\.condition) == [.refused, .pending])
        #expect(desk.states(of: uid, upload: upload)[0].detail.contains("steps[0].channel"))
        #expect(reason(desk, 2, upload) == .sequencePending)
        _ = upload.next(at: 0, isOn: false)
        upload.found(CommittedPrograms(sizeBytes: memory.sizeBytes, crc32: memory.crc32))
        #expect(desk.states(of: uid, upload: upload).map(\.condition) == [.refused, .ready])
        #expect(reason(desk, 2, upload) == nil)
        #expect(reason(desk, 1, upload) == .noSequence)
        #expect(reason(desk, 3, upload) == .noSequence)
        #expect(reason(desk, 2, nil) == .sequencePending)
    }

    @Test("a board of EP/1.0 is offered nothing, and says why")
    func oldBoard() {
        var desk = desk([(2, ProgramMemoryTests.flashes)])
        let old = BoardManifest(
            linkVersion: 1, board: "uno", firmware: "0.1.0", build: "", receiveWindowBytes: 60,
            channels: manifest.channels)
        #expect(desk.memory(of: uid, on: old) == nil)
        let states = desk.states(of: uid, upload: nil)
        #expect(states.map(\.condition) == [.refused])
        #expect(states[0].detail.contains("EP/1.0"))
    }

    @Test("stop finds what plays by what was sent and what the board told")
    func stop() throws {
        var desk = desk([(2, ProgramMemoryTests.flashes)])
        func channel(at now: Int64) -> String? {
            // Nothing plays: that is what is asked.
            (try? desk.channelOfPlaying(of: uid, at: now))?.name
        }
        #expect(channel(at: 0) == nil)
        desk.begin(2, ProgramMemoryTests.flashes, on: manifest, of: uid, at: 1_000)
        #expect(channel(at: 0) == "lamp")
        #expect(channel(at: 2_600_000_000) == nil, "1.5 s and a second of grace")
        desk.take(.started, program: 2, of: uid)
        #expect(desk.playing[uid] == 2)
        desk.take(.ended, program: 2, of: uid)
        #expect(desk.playing[uid] == nil)
        #expect(channel(at: 0) == nil)
        desk.begin(2, ProgramMemoryTests.flashes, on: manifest, of: uid, at: 0)
        desk.silence(uid)
        #expect(channel(at: 0) == nil)
    }
}
