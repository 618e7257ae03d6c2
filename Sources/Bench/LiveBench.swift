import CLinux
import Foundation
import Live
import Platform
import SharedModels

/// Measures what a push frame costs from its bytes to live events: outer frame, gzip, result,
/// messages, repeats, streaks. Beside it the Python client `piratetok-live-py` on the same
/// frames, if `python3` (or the one that CUELIGHT_PYTHON names) can import it.
///
/// The frames are of made-up shows with pictures and badges, 1 to 3 kB a message like real ones.
enum LiveBench {
    private static let messageCount = 20_000
    private static let passes = 5
    private static let peerFrames = 200

    static func run(report: (BenchRow) -> Void) async throws {
        for isGzip in [true, false] {
            for perFrame in [1, 10] {
                let frames = SyntheticShow.frames(script(perFrame: perFrame, isGzip: isGzip))
                let label =
                    "live: frame to events, \(isGzip ? "gzip" : "plain"), \(perFrame) a frame"
                let best = throughput(frames)
                let peer = peerRate(Array(frames.prefix(peerFrames)))
                report(
                    BenchRow(
                        name: label, value: best, unit: "messages/s",
                        peer: peer == nil ? "" : "piratetok-live-py", peerValue: peer ?? 0))
                let times = percentiles(frames)
                report(BenchRow(name: label + ", p50", value: times.p50, unit: "ns/frame"))
                report(BenchRow(name: label + ", p99", value: times.p99, unit: "ns/frame"))
                let bytes = frames.reduce(0) { $0 + $1.bytes.count } / max(frames.count, 1)
                report(BenchRow(name: label + ", size", value: Double(bytes), unit: "bytes/frame"))
            }
        }
    }

    private static func script(perFrame: Int, isGzip: Bool) -> SyntheticShow.Script {
        var script = SyntheticShow.Script()
        script.seconds = messageCount / 10
        script.messagesPerTenSeconds = 100
        script.viewers = 2_000
        script.isDetailed = true
        script.messagesPerFrame = perFrame
        script.packing = isGzip ? .gzip(level: 6) : .plain
        return script
    }

    private static func room() -> LiveRoom {
        LiveRoom(livestream: LivestreamID(high: 1, low: 1), source: .replay, seed: 1)
    }

    /// Copies the frame into one buffer that is used again and again, as a read from a socket
    /// does, which leaves the bytes in the cache; measured is from there.
    private static func receive(_ frame: CapturedFrame) -> UnsafeRawBufferPointer {
        frame.bytes.withUnsafeBytes { buffer.copyMemory(from: $0) }
        return UnsafeRawBufferPointer(rebasing: buffer[..<frame.bytes.count])
    }

    private nonisolated(unsafe) static let buffer = UnsafeMutableRawBufferPointer.allocate(
        byteCount: LiveLimits.frameBytes, alignment: 16)

    /// Messages a second of one core in the best pass, by the processor's time, so that other
    /// programs do not count; receiving is measured alone and taken off. Every pass has a room
    /// of its own, so nothing is a repeat.
    private static func throughput(_ frames: [CapturedFrame]) -> Double {
        var best = 0.0
        for _ in 0..<passes {
            var room = room()
            var events = 0
            let begun = cue_cpu_ns()
            for frame in frames { events += receive(frame).count }
            let received = cue_cpu_ns()
            precondition(events > frames.count, "nothing was received")
            events = 0
            for frame in frames {
                let now = Moment(
                    monotonicNanoseconds: frame.offsetMicroseconds * 1_000, unixMilliseconds: 0)
                do {
                    events += try room.ingest(frame: receive(frame), now: now).events.count
                } catch {
                    fatalError("a made-up frame was refused: \(error)")
                }
            }
            let nanoseconds = cue_cpu_ns() - received - (received - begun)
            precondition(events > frames.count / 2, "too few events to be a measurement")
            let messages = Double(room.summary.counters.messages)
            best = max(best, messages * 1e9 / Double(nanoseconds))
        }
        return best
    }

    private static func percentiles(_ frames: [CapturedFrame]) -> (p50: Double, p99: Double) {
        var room = room()
        var times: [Int64] = []
        times.reserveCapacity(frames.count)
        for frame in frames {
            let received = receive(frame)
            let start = SystemTime.monotonicNanoseconds
            let now = Moment(monotonicNanoseconds: start, unixMilliseconds: 0)
            // Frames that fail were found by `throughput` already.
            _ = try? room.ingest(frame: received, now: now)
            times.append(SystemTime.monotonicNanoseconds - start)
        }
        times.sort()
        guard !times.isEmpty else { return (0, 0) }
        return (Double(times[times.count / 2]), Double(times[times.count * 99 / 100]))
    }

    /// Messages a second of the Python client; nil if it is not there.
    private static func peerRate(_ frames: [CapturedFrame]) -> Double? {
        let folder = FileManager.default.temporaryDirectory
        let file = folder.appendingPathComponent("cuelight-bench-\(UUID().uuidString).capture")
        var bytes = CaptureFormat.header(startUnixMilliseconds: 0)
        for frame in frames { bytes += CaptureFormat.record(frame) ?? [] }
        defer { unlink(file.path) }
        let python = ProcessInfo.processInfo.environment["CUELIGHT_PYTHON"] ?? "python3"
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [python, "-c", peerScript, file.path]
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        do {
            try Data(bytes).write(to: file)
            try process.run()
        } catch {
            // Without a peer there is nothing to compare with; the row says so.
            return nil
        }
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Double(String(decoding: text, as: UTF8.self).trimmingCharacters(in: .whitespaces))
    }

    private static let peerScript = """
        import struct, sys, time
        from piratetok_live.connection.frames import decompress_if_gzipped
        from piratetok_live.events.router import decode
        from piratetok_live.proto.schema import WebcastPushFrame, WebcastResponse
        data = open(sys.argv[1], "rb").read()
        frames, position = [], 16
        while position < len(data):
            size, _ = struct.unpack_from("<IQ", data, position)
            frames.append(data[position + 12:position + 12 + size])
            position += 12 + size
        count, start = 0, time.perf_counter()
        for raw in frames:
            frame = WebcastPushFrame().parse(raw)
            response = WebcastResponse().parse(decompress_if_gzipped(frame.payload))
            for message in response.messages:
                count += 1
                try:
                    decode(message.method, message.payload, "1")
                except Exception:
                    pass
        print(count / (time.perf_counter() - start), end="")
        """
}
