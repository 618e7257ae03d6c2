internal import Accounts
internal import Crypto
internal import Devices
internal import HTTP
internal import Live
internal import MQTT
internal import Platform
internal import Postgres
internal import Rules
internal import SharedModels

/// All domains of one process, connected. The only place that knows more than one of them.
struct ControlPlane: Sendable {
    /// Of this process among others at the broker.
    static let brokerClient = "control-1"

    let endpoints: [Endpoint]
    let workers: [any Worker]
    let accounts: Accounts
    /// Told by whoever changes rights; looks after the streams.
    let rights: StreamRights
    private let ground: Ground
    private let idempotency: PostgresIdempotencyStore
    private let devices: Devices
    private let rules: Rules

    /// What the domains stand on.
    struct Ground: Sendable {
        let pool: PostgresPool
        /// Whether no other process can use the database.
        var ownsDatabase = false
        let client: MQTTClient
        let keys: KeyRing
        let broker: BrokerAddress
        let metrics: Metrics
        let log: Log
        var time = TimeSource.system
    }

    init(_ ground: Ground) throws {
        self.ground = ground
        let ids = IDGenerator(unixMilliseconds: ground.time.unixMilliseconds)
        let hub = Hub()
        let console = ConsoleStream(hub: hub, log: ground.log)
        let rights = StreamRights(time: ground.time, log: ground.log.of("http"))
        self.rights = rights
        accounts = Accounts(
            pool: ground.pool, hasher: try PasswordHasher(), signer: ground.keys.access,
            unixMilliseconds: ground.time.unixMilliseconds, rightsChanged: { rights.tell($0) })
        let inputs = PlayerHandle()
        devices = Self.devices(ground, ids: ids, console: console) { event in
            inputs.player?.playNow(event)
        }
        let stage = Self.stage(ground, devices: devices, ids: ids, console: console)
        let rules = Self.rules(ground, devices: devices, ids: ids, stage: stage, console: console)
        self.rules = rules
        let player = EventPlayer(stage: stage, rules: rules.service, log: ground.log)
        inputs.player = player
        let live = Self.live(
            ground, accounts: accounts.service, hub: hub, ids: ids,
            player: player, console: console)
        let system = SystemRoutes(
            pool: ground.pool, client: ground.client, metrics: ground.metrics)
        endpoints =
            system.endpoints + accounts.endpoints + devices.endpoints + rules.endpoints
            + live.endpoints + console.endpoints
        let idempotency = PostgresIdempotencyStore(pool: ground.pool, log: ground.log)
        self.idempotency = idempotency
        workers =
            devices.workers + live.workers
            + [idempotency, Housekeeper(idempotency, log: ground.log)]
    }

    /// Subscribes to agents and reads what must be in memory; before the first request.
    func load() async throws {
        devices.service.subscribe()
        try await accounts.service.load()
        try await devices.service.load()
    }

    /// Who calls, what they may do, and how often.
    var hooks: Hooks {
        APIHooks.make(
            accounts: accounts.service, idempotency: idempotency, limits: RequestLimits())
    }

    /// What answers the requests.
    func application() -> Application {
        Application(
            endpoints: endpoints, hooks: hooks, log: ground.log.of("http"), rights: rights,
            fallback: ConsolePages.respond)
    }

    /// The stage is made of the dispatcher of the devices, whose inputs it plays.
    private final class PlayerHandle: @unchecked Sendable {
        // Safe: written before the broker's client runs, read only afterwards.
        var player: EventPlayer?
    }

    private static func devices(
        _ ground: Ground, ids: IDGenerator, console: ConsoleStream,
        play: @escaping @Sendable (StageEvent) -> Void
    ) -> Devices {
        let ended = ground.metrics.counters(
            "cuelight_commands_total", "Commands that have ended.", labels: ["status"])
        let times = ground.metrics.histogram(
            "cuelight_cue_seconds", "From an event's bytes to the board's acknowledgement.")
        let links = LinkMetrics(ground.metrics)
        return Devices(
            pool: ground.pool, client: ground.client, signer: ground.keys.broker,
            broker: ground.broker, clock: MachineID.bootID, log: ground.log,
            makeCommandID: { ids.next() },
            unixMilliseconds: ground.time.unixMilliseconds,
            reports: Devices.Reports(
                command: { record, outcome in
                    console.show(
                        "command", CommandJSON(record, outcome: outcome), in: record.workspace)
                    guard let outcome else { return }
                    ended.with(outcome.status.rawValue).add()
                    let trace = outcome.trace
                    if trace.agentClock == trace.clock, trace.acknowledgedNanoseconds > 0 {
                        times.observe(
                            fromNanoseconds: trace.arrivedNanoseconds,
                            to: trace.acknowledgedNanoseconds)
                    }
                }, changed: { console.show("changed", ["what": "devices"], in: $0) },
                input: { report in
                    let staged = StageEvent(report, id: ids.next())
                    play(staged)
                    console.show("event", staged.event, in: staged.workspace)
                }, measured: { links.take($0) },
                flashing: { console.show("flash", FlashJobJSON($0), in: $0.workspace) }))
    }

    private static func stage(
        _ ground: Ground, devices: Devices, ids: IDGenerator, console: ConsoleStream
    ) -> CueStage {
        CueStage(
            dispatcher: devices.dispatcher, clock: MachineID.bootID, ids: ids,
            metrics: ground.metrics,
            makeSeed: {
                var random = SecureRandom()
                return random.next()
            },
            shown: { cue, event in
                console.show(
                    "cue", CueJSON(id: cue.id, ruleID: cue.rule, eventID: event.id),
                    in: cue.workspace)
            })
    }

    private static func rules(
        _ ground: Ground, devices: Devices, ids: IDGenerator, stage: CueStage,
        console: ConsoleStream
    ) -> Rules {
        let loop = ground.client.loop
        return Rules(
            pool: ground.pool, log: ground.log, operation: OperationSchema.schema,
            makeID: { ids.next() },
            surroundings: RulesService.Surroundings(
                problems: { rule in
                    let found =
                        await devices.service.problems(with: rule.trigger, in: rule.workspace)
                        + devices.service.problems(with: rule.actions, in: rule.workspace)
                    return found.map { RuleProblem(field: $0.path, message: $0.message) }
                },
                changed: { ruleSet in
                    loop.submit { stage.take(ruleSet) }
                    console.show("changed", ["what": "rules"], in: ruleSet.workspace)
                }))
    }

    private static func live(
        _ ground: Ground, accounts: AccountsService, hub: Hub, ids: IDGenerator,
        player: EventPlayer, console: ConsoleStream
    ) -> Live {
        Live(
            pool: ground.pool, hub: hub, identifiers: ids, isAlone: ground.ownsDatabase,
            log: ground.log,
            findViewer: { id in
                let account = try await accounts.account(id)
                return Viewer(
                    id: account.id.description, handle: account.handle, name: account.displayName)
            },
            deliver: { delivery in
                player.play(StageEvent(delivery))
                console.show("event", delivery.event, in: delivery.workspace)
            }, opened: { player.prepare($0) })
    }

    private struct CueJSON: Encodable {
        let id: CueID
        let ruleID: RuleID
        let eventID: LiveEventID

        private enum CodingKeys: String, CodingKey {
            case id, ruleID = "rule_id", eventID = "event_id"
        }
    }
}
