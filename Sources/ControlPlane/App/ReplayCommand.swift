internal import FoundationEssentials
internal import HTTPClient
internal import Live
internal import Platform
internal import SharedModels

/// `cuelight replay`: plays a recorded LIVE into a livestream of a running control plane, over
/// its API, at the recording's pace or faster.
struct ReplayCommand {
    enum Problem: Error, CustomStringConvertible {
        case refused(String)
        case badAnswer(status: Int, body: String)

        var description: String {
            switch self {
            case .refused(let reason): "the control plane refused a frame: \(reason)"
            case .badAnswer(let status, let body):
                "the control plane answered \(status): \(body.prefix(500))"
            }
        }
    }

    private let file: String
    private let livestream: LivestreamID
    private let token: String
    private let server: String
    private let speed: Double

    init(_ flags: CommandLineFlags) throws {
        file = flags.words[0]
        guard let livestream = flags["livestream"].flatMap({ LivestreamID($0) }) else {
            throw UsageError("--livestream must be an id", of: "replay")
        }
        self.livestream = livestream
        token = flags["token"] ?? ""
        server = try ServerAddress.read(flags["server"] ?? "", of: "replay")
        guard let speed = flags["speed"].flatMap({ Double($0) }),
            ReplaySchedule.speeds.contains(speed)
        else { throw UsageError("--speed must be 1 to 100", of: "replay") }
        self.speed = speed
    }

    /// Plays until the recording ends, or until SIGINT or SIGTERM.
    func run(_ signals: Signals) async throws -> Int32 {
        let loop = try EventLoop.start(name: "replay")
        do {
            try await signals.run(on: loop) {
                do { try await play(on: loop) } catch {
                    // A request that was cut off fails in its own words.
                    throw Task.isCancelled ? CancellationError() : error
                }
            }
        } catch is CancellationError {
            return 130
        }
        return 0
    }

    private func play(on loop: EventLoop) async throws {
        let client = try HTTPClient(loop: loop)
        let workspace = try await workspace(client)
        let url = "\(server)/api/v1/workspaces/\(workspace)/livestreams/\(livestream)/frames"
        var reader = try CaptureReader(path: file)
        var schedule: ReplaySchedule?
        var (frames, events, refused) = (0, 0, 0)
        while let frame = try reader.next() {
            let plan =
                schedule
                ?? ReplaySchedule(
                    speed: speed, startNanoseconds: SystemTime.monotonicNanoseconds,
                    firstOffsetMicroseconds: frame.offsetMicroseconds)
            schedule = plan
            let wait = plan.wait(for: frame, nowNanoseconds: SystemTime.monotonicNanoseconds)
            if wait > .zero { try await Task.sleep(for: wait) }
            do { events += try await send(frame, to: url, client) } catch Problem.refused(let why) {
                // A damaged frame of a recording must not end the show.
                refused += 1
                if refused == 1 { complain("a frame was refused: \(why)") }
            }
            frames += 1
        }
        print("\(frames) frames, \(events) events, \(refused) refused")
    }

    private var authorization: [(name: String, value: String)] {
        [("Authorization", "Bearer \(token)")]
    }

    /// The workspace that the livestream belongs to.
    private func workspace(_ client: HTTPClient) async throws -> WorkspaceID {
        struct Answer: Decodable {
            struct Livestream: Decodable {
                let workspaceID: WorkspaceID
                private enum CodingKeys: String, CodingKey { case workspaceID = "workspace_id" }
            }
            let data: Livestream
        }
        let answer = try await client.get(
            "\(server)/api/v1/livestreams/\(livestream)", headers: authorization)
        guard answer.status == 200 else {
            throw Problem.badAnswer(status: answer.status, body: answer.text)
        }
        return try JSONDecoder().decode(Answer.self, from: Data(answer.body)).data.workspaceID
    }

    /// Sends one frame; answers how many events it made.
    private func send(
        _ frame: CapturedFrame, to url: String, _ client: HTTPClient
    ) async throws -> Int {
        struct Answer: Decodable {
            struct Intake: Decodable { let events: Int }
            let data: Intake
        }
        let answer = try await client.send(
            "POST", url,
            headers: authorization + [("Content-Type", "application/octet-stream")],
            body: frame.bytes)
        switch answer.status {
        case 200, 201:
            return try JSONDecoder().decode(Answer.self, from: Data(answer.body)).data.events
        case 400, 422: throw Problem.refused(answer.text)
        default: throw Problem.badAnswer(status: answer.status, body: answer.text)
        }
    }

    private func complain(_ text: String) { Log.standardError("cuelight replay: \(text)\n") }
}
