internal import Hardware
internal import Platform
internal import SharedModels

extension AgentCore {
    /// Everything there is to know now. On the loop.
    package var status: AgentStatus {
        let now = SystemTime.monotonicNanoseconds
        return AgentStatus(
            version: setup.version, isOnline: isOnline,
            brokerTrouble: isOnline && !rivals.isSuspicious ? "" : brokerTrouble,
            isStopped: stop.last.isAgentStopped,
            stopSequence: stop.last.sequence, telemetry: telemetry, received: receivedCount,
            executed: executedCount,
            boards: boards.values.sorted { $0.uid.value < $1.uid.value }
                .map { describe($0, at: now) },
            ports: ports,
            outcomes: recent)
    }

    private var ports: [AgentStatus.Port] {
        let absent = setup.ports.missing.filter { drivers[$0] == nil }
        let found = drivers.values.map {
            AgentStatus.Port(path: $0.path, isOpen: $0.isOpen, trouble: $0.trouble)
        }
        return
            (found
            + absent.map {
                AgentStatus.Port(
                    path: $0, isOpen: false, trouble: SerialPort.Problem.missing.description)
            }).sorted { $0.path < $1.path }
    }

    private func describe(_ board: BoardSession, at now: Int64) -> AgentStatus.Board {
        let driver = drivers.values.first { $0.uid == board.uid }
        return AgentStatus.Board(
            uid: board.uid, port: driver?.path ?? "", profile: board.manifest.board,
            firmware: board.manifest.firmware, condition: board.condition, fault: board.fault,
            pending: board.pendingCount,
            channels: board.manifest.channels.filter(\.kind.isOutput).map { channel in
                let obstacle = board.obstacle(channel: channel, at: now)
                return AgentStatus.Board.Channel(
                    name: channel.name, kind: channel.kind.rawValue,
                    waiting: board.waitingCount(channel: channel.id),
                    obstacle: obstacle?.rawValue ?? "", detail: obstacle?.sentence ?? "",
                    advice: obstacle?.advice ?? "")
            },
            link: driver?.link.map(describe))
    }

    private func describe(_ link: LinkSession) -> AgentStatus.Link {
        let statistics = link.statistics
        return AgentStatus.Link(
            sent: statistics.sent, retries: statistics.retries,
            damaged: statistics.crcErrors + statistics.framingErrors, strays: statistics.strays,
            refusals: statistics.naks, reboots: statistics.reboots,
            lostEvents: statistics.lostEvents,
            roundTripP50Microseconds: statistics.roundTripMicroseconds(permille: 500),
            roundTripP99Microseconds: statistics.roundTripMicroseconds(permille: 990),
            board: link.counters.map { counters in
                AgentStatus.BoardCounters(
                    crcErrors: Int(counters.crcErrors), framingErrors: Int(counters.framingErrors),
                    overruns: Int(counters.overruns), duplicates: Int(counters.duplicates),
                    linkLosses: Int(counters.linkLosses), executed: Int(counters.executed),
                    loopMaxMicroseconds: Int(counters.loopMaxMicroseconds),
                    resetCause: counters.resetCause.words,
                    uptimeSeconds: Int(counters.uptimeMilliseconds / 1000),
                    boots: Int(counters.boots))
            })
    }
}
