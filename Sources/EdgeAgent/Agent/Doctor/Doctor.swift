internal import Glibc
internal import Hardware
internal import Platform
internal import SharedModels

/// Looks at everything that an agent needs, and says what is wrong and what to do.
package struct Doctor: Sendable {
    package enum Limits {
        package static let freeMinBytes: Int64 = 100 * 1024 * 1024
        package static let skewMaxMilliseconds: Int64 = 2_000
        /// Frames sent again from which on more than 2 % of all are a bad link.
        static let retriesSuspicious = 10
        static let commandNameMax = 64
        static let processesMax = 20_000
    }

    private let folder: StateFolder
    private let ports: PortScanner
    private let transport: @Sendable (_ server: String) -> ServerCalls.Transport
    /// Connects to the broker's TCP port; throws why not.
    private let knock: @Sendable (_ host: String, _ port: UInt16) async throws -> Void

    /// - Parameters:
    ///   - ports: which ports there may be.
    ///   - transport: calls a server.
    ///   - knock: opens and closes a connection.
    package init(
        folder: StateFolder, ports: [String],
        transport: @escaping @Sendable (String) -> ServerCalls.Transport,
        knock: @escaping @Sendable (String, UInt16) async throws -> Void
    ) {
        self.folder = folder
        self.ports = PortScanner(configured: ports, findsUSB: true)
        self.transport = transport
        self.knock = knock
    }

    /// Everything, in the order in which a person would look.
    package func examine() async -> [Finding] {
        var findings = folderFindings() + boardsFileFindings()
        findings += await serverFindings()
        let status: AgentStatus?
        do {
            status = try ControlClient.status(at: folder.controlPath)
        } catch {
            status = nil
            findings.append(
                Finding(.bad, "agent", "\(error)"))
        }
        findings += portFindings(status)
        findings += Self.rivals(Self.processNames())
        if let status { findings += Self.findings(of: status) }
        return findings
    }

    private func folderFindings() -> [Finding] {
        guard let mode = StateFolder.mode(of: folder.path) else {
            return [
                Finding(
                    .bad, "state folder", "\(folder.path) is not there",
                    advice: "Pair this agent: cuelight-agent pair --server URL --token TOKEN")
            ]
        }
        var findings: [Finding] = []
        if mode & 0o077 != 0 {
            findings.append(
                Finding(
                    .bad, "state folder", "others may look into \(folder.path)",
                    advice: "chmod 700 \(folder.path)"))
        }
        if let mode = StateFolder.mode(of: folder.keyPath), mode & 0o077 != 0 {
            findings.append(
                Finding(
                    .bad, "key", "others may read \(folder.keyPath)",
                    advice: "Revoke this agent in the console and pair it again."))
        }
        if let free = folder.freeBytes, free < Limits.freeMinBytes {
            findings.append(
                Finding(
                    .bad, "disk", "\(free / 1_048_576) MB free",
                    advice: "Free at least \(Limits.freeMinBytes / 1_048_576) MB."))
        }
        if findings.isEmpty { findings.append(Finding(.good, "state folder", folder.path)) }
        return findings
    }

    /// The file of boards without our firmware, if there is one.
    private func boardsFileFindings() -> [Finding] {
        let path = "\(folder.path)/\(BoardsFile.name)"
        guard access(path, F_OK) == 0 else { return [] }
        do {
            let count = try BoardsFile.read(path, machine: BoardsFile.machine).count
            return [Finding(.good, "boards file", "\(path) describes \(count)")]
        } catch {
            return [
                Finding(
                    .bad, "boards file", error.description,
                    advice: "Correct it: the agent does not start with it.")
            ]
        }
    }

    private func serverFindings() async -> [Finding] {
        let identity: AgentIdentity
        do {
            identity = try folder.identity()
        } catch {
            return [Finding(.bad, "pairing", "\(error)")]
        }
        var findings = [
            Finding(.good, "pairing", "\(identity.name), agent \(identity.agent)")
        ]
        findings.append(credentialFinding())
        let calls = ServerCalls(
            server: identity.server, transport: transport(identity.server))
        do {
            let date = try await calls.health()
            findings.append(Finding(.good, "server", identity.server))
            if let date { findings.append(Self.clock(date, SystemTime.unixMilliseconds)) }
        } catch {
            findings.append(Finding(.bad, "server", "\(identity.server): \(error)"))
        }
        let broker = identity.broker
        do {
            try await knock(broker.host, broker.port)
            findings.append(Finding(.good, "broker", "\(broker.host):\(broker.port) answers"))
        } catch {
            findings.append(
                Finding(
                    .bad, "broker", "\(broker.host):\(broker.port): \(error)",
                    advice: "Check that a firewall lets port \(broker.port) out."))
        }
        return findings
    }

    private func credentialFinding() -> Finding {
        do {
            let left = try folder.credential().expiresAtMilliseconds &- SystemTime.unixMilliseconds
            guard left > 0 else {
                return Finding(
                    .bad, "credential", "expired \(-max(left, -.max) / 60_000) minutes ago",
                    advice: "It is renewed when the agent reaches the server.")
            }
            return Finding(.good, "credential", "good for another \(left / 60_000) minutes")
        } catch {
            return Finding(.bad, "credential", "\(error)")
        }
    }

    static func clock(_ server: Int64, _ ours: Int64) -> Finding {
        // The date header is cut to the second.
        let ahead = server &+ 500 &- ours
        guard ahead.magnitude > UInt64(Limits.skewMaxMilliseconds) else {
            return Finding(.good, "clock", "agrees with the server's")
        }
        let seconds = ahead.magnitude / 1000
        return Finding(
            .note, "clock", "\(seconds) s \(ahead > 0 ? "behind" : "ahead of") the server's",
            advice: "Set it: timedatectl set-ntp true. Until then the agent uses the server's.")
    }

    private func portFindings(_ status: AgentStatus?) -> [Finding] {
        var paths = ports.scan()
        for path in ports.missing + (status?.ports.map(\.path) ?? []) where !paths.contains(path) {
            paths.append(path)
        }
        guard !paths.isEmpty else {
            return [
                Finding(
                    .note, "ports", "no serial port found",
                    advice: "Plug a board in, or name its port with --port.")
            ]
        }
        return paths.map { path in
            if let known = status?.ports.first(where: { $0.path == path }) {
                guard !known.trouble.isEmpty else { return Finding(.good, "port", path) }
                if known.trouble == AgentStatus.Port.leftAlone {
                    return Finding(
                        .note, "port", "\(path): \(known.trouble)",
                        advice: "If it shall be used, change AGENT_FLAGS in "
                            + "/etc/default/cuelight-agent, and start the agent anew.")
                }
                return Finding(.bad, "port", "\(path): \(known.trouble)")
            }
            guard access(path, F_OK) == 0 else {
                return Finding(.bad, "port", "\(path): \(SerialPort.Problem.missing)")
            }
            guard access(path, R_OK | W_OK) == 0 else {
                return Finding(.bad, "port", "\(path): \(SerialPort.Problem.notPermitted)")
            }
            return Finding(.note, "port", "\(path): not used by a running agent")
        }
    }

    /// Programs that take serial ports for modems or Braille displays.
    static func rivals(_ names: Set<String>) -> [Finding] {
        ["ModemManager", "brltty"].filter(names.contains).map { name in
            Finding(
                .note, name, "is running and may talk to boards",
                advice: "If a board is not found: systemctl disable --now \(name)")
        }
    }

    private static func processNames() -> Set<String> {
        guard let folder = opendir("/proc") else { return [] }
        defer { closedir(folder) }
        var names: Set<String> = []
        for _ in 0..<Limits.processesMax {
            guard let entry = readdir(folder) else { break }
            let pid = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard pid.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { continue }
            if let name = firstLine(of: "/proc/\(pid)/comm") { names.insert(name) }
        }
        return names
    }

    private static func firstLine(of path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: Limits.commandNameMax)
        let count = read(file, &bytes, bytes.count)
        guard count > 0 else { return nil }
        return String(
            decoding: bytes.prefix(count).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }

    /// What a running agent says of itself.
    static func findings(of status: AgentStatus) -> [Finding] {
        var findings: [Finding] = []
        if status.isOnline {
            findings.append(Finding(.good, "agent", "online, version \(status.version)"))
        } else {
            findings.append(
                Finding(
                    .bad, "agent", "runs without a broker: \(status.brokerTrouble)",
                    advice: Reason.brokerOffline.advice))
        }
        if let watch = status.portWatch, !watch.trouble.isEmpty {
            findings.append(
                Finding(
                    .note, "ports", "watched without udev: \(watch.trouble)",
                    advice:
                        "Boards are found all the same. With udev: systemctl start systemd-udevd"
                ))
        }
        if status.isStopped {
            findings.append(
                Finding(.note, "stop", Reason.estopped.sentence, advice: Reason.estopped.advice))
        }
        if status.telemetry.droppedOutcomes > 0 {
            findings.append(
                Finding(
                    .note, "spool",
                    "\(status.telemetry.droppedOutcomes) outcomes were dropped for want of room"))
        }
        for board in status.boards { findings += self.findings(of: board) }
        if let flashing = status.flashing, flashing.status.isEnd, flashing.status != .flashed {
            findings.append(
                Finding(
                    flashing.status == .stranded ? .bad : .note,
                    "flashing (\(flashing.status.rawValue))",
                    "\(flashing.status.sentence) \(flashing.reason)",
                    advice: flashing.status.advice))
        }
        return findings + refusals(in: status.outcomes)
    }

    /// Why the latest commands were not done: each reason once, the most frequent first, with how
    /// often and what was said last.
    static func refusals(in outcomes: [Outcome]) -> [Finding] {
        let refused = outcomes.filter { $0.status != .executed }
        let groups = Dictionary(grouping: refused, by: \.reason).sorted {
            ($1.value.count, $0.key) < ($0.value.count, $1.key)
        }
        return groups.map { reason, outcomes in
            let count = outcomes.count == 1 ? "once" : "\(outcomes.count) times"
            let last = outcomes[outcomes.count - 1]
            let known = Reason(rawValue: reason)
            let sentence = last.detail.isEmpty ? known?.sentence ?? "" : last.detail
            return Finding(
                .note, "refusal \(reason.isEmpty ? last.status.rawValue : reason)",
                "\(count) among the latest commands: \(sentence)",
                advice: known?.advice ?? "")
        }
    }

    private static func findings(of board: AgentStatus.Board) -> [Finding] {
        let name = "board \(board.uid)"
        var findings: [Finding] = []
        let isWell = board.condition == .armed
        findings.append(
            Finding(
                isWell ? .good : board.condition == .estopped ? .note : .bad, name,
                "\(board.profile), \(board.condition.rawValue)"
                    + (board.port.isEmpty ? "" : ", \(board.port)")
                    + (board.fault.isEmpty ? "" : ", last fault \(board.fault)")))
        if board.watchdog == false {
            findings.append(
                Finding(
                    .note, name, "has no watchdog: \(StatusText.noWatchdog)",
                    advice: "Put what must not stay on on a board with the Cuelight firmware."))
        }
        if let fault = BoardFault(told: board.fault) {
            findings.append(
                Finding(.note, "fault \(board.fault)", fault.sentence, advice: fault.advice))
        }
        for channel in board.channels where !channel.obstacle.isEmpty {
            findings.append(
                Finding(
                    .note, "channel \(channel.name)",
                    "would refuse now (\(channel.obstacle)): \(channel.detail)",
                    advice: channel.advice))
        }
        if let link = board.link {
            // A few frames sent again say that this computer was busy, not that the cable is bad.
            let isPoor =
                link.retries >= Limits.retriesSuspicious && link.retries * 50 > link.sent
                || link.overruns > 0
            findings.append(
                Finding(
                    isPoor ? .bad : .good, "link of \(board.uid)",
                    "\(link.sent) frames, \(link.retries) sent again, "
                        + "\(link.crcErrors) CRC errors, \(link.losses) losses, round trip \(link.roundTripP50Microseconds) µs",
                    advice: isPoor ? "Use a shorter or shielded cable, and another USB port." : ""))
        }
        return findings
    }
}
