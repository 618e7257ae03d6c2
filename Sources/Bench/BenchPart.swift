/// One part of the benchmarks: what it runs, and what people read about it. The text is written
/// by hand here; only figures are filled in.
struct BenchPart: Sendable {
    /// As on the command line; rows' names begin with it and a colon.
    let name: String
    let title: String
    /// How its figures come about.
    let method: String
    /// What is known to be weak, or not measured.
    let shortfalls: [String]
    let run: @Sendable (_ report: (BenchRow) -> Void) async throws -> Void

    static let all: [BenchPart] = [rules, live, http, postgres, mqtt, agent, link]

    static let rules = BenchPart(
        name: "rules", title: "Rule matching",
        method: """
            Made-up rules (45 % a gift's number, 10 % a range of coins, 40 % a keyword, 5 % other; two
            of five ask for a role) and 20,000 made-up events (10 % gifts, 36 % comments, 22 % likes,
            29 % joins, 3 % follows) from one seed. *Match* is the best of 20 passes over the events on
            one core; the percentiles time each event on its own, the clock's 30 ns included. *Decide*
            also makes every cue. *Build* compiles a rule set, *swap* puts one in place of another.
            The peers are what one would write in Python for the same rules: one compiled lambda a
            rule, and the packages `rule-engine` and `business-rules`; they fold no text, which is in
            their favour.
            """,
        shortfalls: [
            "At 10,000 rules an event matches some 70 of them; making 70 cues costs more than finding them.",
            "No peer compiles its rules to an index; one that did would be closer.",
        ], run: RulesBench.run)

    static let live = BenchPart(
        name: "live", title: "Webcast decoder",
        method: """
            Made-up shows of 20,000 messages with pictures and badges, 1 to 3 kB a message like real
            ones, as push frames with and without gzip. From a frame's bytes to live events: outer
            frame, gzip, result, messages, repeats, streaks. Best of 5 passes on one core, bytes in the
            cache. The peer is the Python client `piratetok-live-py` on the first 200 of the same
            frames; it parses protobuf in pure Python.
            """,
        shortfalls: ["The frames are synthetic; recorded ones are checked by tests, not timed."],
        run: LiveBench.run)

    static let http = BenchPart(
        name: "http", title: "HTTP and fan-out",
        method: """
            *Requests*: `wrk` with one thread and 64 connections asks for a small JSON object through
            router, endpoint and encoder; three rounds in turn with a Node.js `http` server (one
            process) that answers the same, the median of each, as requests a second of the server's
            own CPU time. *Fan-out*: 1,000 viewers of one process, 100 messages, one each 100 ms, as
            server-sent events and over WebSocket; CPU of the server's loop for each message
            delivered, and the delay from publishing to the viewer's socket. The peer sends
            server-sent events.
            """,
        shortfalls: [
            "Load generator, viewers and servers share the machine's cores, so delays include their work.",
            "Node.js carries no WebSocket of its own; its event streams stand beside both of ours.",
            "TLS is not measured.",
        ], run: HTTPBench.run)

    static let postgres = BenchPart(
        name: "postgres", title: "PostgreSQL",
        method: """
            A throwaway server of the run's own on a unix socket, without fsync, so that clients and not
            the disk are compared. *SELECT by key*: prepared, 16 in flight for 4 s through the pool's
            pipelined connections, called from the connections' own loop and from the global pool,
            beside `pgbench -S -M prepared -c 16 -j 2`; best of two rounds in turn. *COPY* and *unnest*
            (500 rows a statement) write 200,000 rows of some 100 bytes, beside `psql`'s `\\copy` of
            the same rows and its INSERT … VALUES of 500 rows. *NOTIFY* is the time from the call to
            the listener's iteration, one at a time, 2,000 times; it has no peer.
            """,
        shortfalls: [
            "With fsync a commit waits for the disk, which hides the differences between clients.",
            "pgbench gives no percentiles here, so those of single statements have no peer.",
        ], run: PostgresBench.run)

    static let mqtt = BenchPart(
        name: "mqtt", title: "MQTT round trip",
        method: """
            One client publishes 128 bytes to a topic that it subscribes to, through a Mosquitto of
            the run's own on a unix socket and on TCP (loopback), one message under way: the time from
            the call of publish to the message's handler, 5,000 times after 500 to warm up. The
            handler publishes the next one at once. Throughput: 30,000 messages at QoS 1, 100 under
            way, from the first call until the last has come back. Three rounds in turn with the
            peers; of each the best. The peers do the same in their own callbacks: libmosquitto with
            its threaded loop in C, and paho-mqtt (Python).
            """,
        shortfalls: [
            "Broker, client and peers share the machine's cores; two machines would add a network.",
            "TLS is not measured.",
        ], run: MQTTBench.run)

    static let agent = BenchPart(
        name: "agent", title: "The agent's memory",
        method: """
            The released agent, paired with a control plane on the same machine and connected to its
            broker, first alone, then with eight boards (the firmware compiled for this machine, on
            pseudo-terminals), then after 2,000 commands to them at 50 a second. *Resident* is VmRSS of
            /proc/PID/status, *not files* its part RssAnon, which no other program can share, *most
            ever* VmHWM.
            """,
        shortfalls: [
            "Measured on x86-64; no small ARM computer was in reach.",
            "No run of days; what the journal remembers of 25 hours is on disk, not in memory.",
        ], run: AgentBench.run)

    static let link = BenchPart(
        name: "link", title: "Boards and the agent's spool",
        method: """
            The released agent between a Mosquitto and four simulated Unos: the Uno's machine code on a
            simulated ATmega328P each, in real time, at 115,200 baud. *Full speed*: for each board three
            commands (off, on three channels) are kept under way for 10 s after 2 s to warm up; each
            costs 9 bytes there and 10 back. A round trip goes from the agent's writing of the frame to
            its reading of the answer, as outcomes tell; of four boards the slowest counts. *100 cues a
            second*: pulses to four boards in turn, for 20 s. CPU is utime and stime of /proc/PID/stat;
            *simulated time* is what a board's clock went on while ours did, 1 being real time. *Spool*:
            the journal is filled with 100,000 results as an agent without a broker leaves it; from the
            program's start until it is online, until it has told all, and its memory then.
            """,
        shortfalls: [
            "Agent, broker, four simulated chips and the driver of all share two cores.",
            "No real serial adapter: a pseudo-terminal has no latency timer of a USB chip.",
        ], run: LinkBench.run)
}
