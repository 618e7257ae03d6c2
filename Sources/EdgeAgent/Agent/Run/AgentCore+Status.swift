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
            ports: ports(at: now),
            portWatch: watcher.map { AgentStatus.PortWatch(way: $0.way, trouble: $0.trouble) },
            flashing: desk?.report, outcomes: recent)
    }

    private func ports(at now: Int64) -> [AgentStatus.Port] {
        let found = drivers.values.map {
            AgentStatus.Port(
                path: $0.path, usb: $0.usb, isOpen: $0.isOpen, trouble: $0.trouble,
                retryMilliseconds: Int($0.pauseLeft(at: now) / 1_000_000))
        }
        let absent = setup.ports.missing.filter { drivers[$0] == nil }
            .map { ($0, SerialPort.Problem.missing.description) }
        let denied = setup.ports.denied().filter { drivers[$0] == nil }
            .map { ($0, AgentStatus.Port.leftAlone) }
        let others = (absent + denied).map { path, trouble in
            AgentStatus.Port(
                path: path, usb: setup.ports.usb(of: path)?.words ?? "", isOpen: false,
                trouble: trouble, retryMilliseconds: 0)
        }
        return (found + others).sorted { $0.path < $1.path }
    }

    private func describe(_ board: BoardSession, at now: Int64) -> AgentStatus.Board {
        let driver = drivers.values.first { $0.uid == board.uid }
        return AgentStatus.Board(
            uid: board.uid, port: driver?.path ?? "", profile: board.manifest.board,
            firmware: board.manifest.firmware, watchdog: board.manifest.hasWatchdog,
            condition: board.condition, fault: board.fault,
            pending: board.pendingCount,
            channels: board.manifest.channels.filter(\.kind.isOutput).map { channel in
                let obstacle = board.obstacle(channel: channel, at: now)
                return AgentStatus.Board.Channel(
                    name: channel.name, kind: channel.kind.name,
                    waiting: board.waitingCount(channel: channel.id),
                    obstacle: obstacle?.rawValue ?? "", detail: obstacle?.sentence ?? "",
                    advice: obstacle?.advice ?? "")
            },
            link: figures(of: board.uid), connection: driver.flatMap(connection),
            sequences: sequenceStates(of: board.uid), playing: sequenceDesk.playing[board.uid],
            clockDoubtMicroseconds: clockDoubtMicroseconds(of: board.uid))
    }

    private func connection(_ driver: any BoardDriver) -> AgentStatus.Connection? {
        guard let statistics = driver.statistics else { return nil }
        return AgentStatus.Connection(
            strays: statistics.strays, refusals: statistics.naks, reboots: statistics.reboots,
            lostEvents: statistics.lostEvents,
            board: driver.counters.map { counters in
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
