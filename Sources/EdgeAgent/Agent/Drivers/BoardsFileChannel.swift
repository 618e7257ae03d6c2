internal import GPIO
internal import SharedModels

/// One channel of `boards.json`: what may be one, and with which limits.
enum BoardsFileChannel {
    static func read(
        _ node: JSONNode, at place: String, id: UInt8, reach: HostedBoard.Reach
    ) throws(BoardsFile.Problem) -> HostedBoard.Line {
        // The kind first: what is not allowed shall be told before what is missing.
        let all = [
            "name", "kind", "pin", "line", "max_on_ms", "min_pause_ms", "max_duty_permille",
            "max_rate_per_min", "max_permille", "min_cdeg", "max_cdeg", "active_low", "dangerous",
            "pull", "debounce_ms", "accept_no_watchdog",
        ]
        let fields = try BoardsFileObject(node, at: place, allowed: all)
        let kind = Channel.Kind(name: try fields.needText("kind", 1...16))
        if let refusal = refusal(of: kind, reach) { throw fields.problem("kind", refusal) }
        let isGPIO = reach.word == "gpio"
        let unused = isGPIO ? "pin" : "line"
        guard fields.node(unused) == nil else {
            throw fields.problem(unused, isGPIO ? "gpio has a line" : "firmata has a pin")
        }
        if kind == .relay, try !fields.flag("accept_no_watchdog") {
            throw fields.problem(
                "accept_no_watchdog",
                "nothing opens this relay when this computer hangs or the agent is killed while it is "
                    + "closed; say true if whatever it switches may then stay on, or put the relay "
                    + "on a board with the Cuelight firmware")
        }
        var line = HostedBoard.Line(
            channel: try channel(fields, kind, id), isActiveLow: try fields.flag("active_low"))
        if line.isActiveLow, !isGPIO {
            throw fields.problem(
                "active_low",
                "the sketch drives every pin low when the board starts, which would be on; wire the "
                    + "output so that high is on")
        }
        if isGPIO {
            line = moved(line, to: try fields.needNumber("line", 0...1023, because: "see gpioinfo"))
        } else if case .string(let text)? = fields.node("pin") {
            guard text.hasPrefix("A"), let number = UInt8(text.dropFirst()), number < 127 else {
                throw fields.problem("pin", "a number, or one such as \"A3\", is expected")
            }
            line.analogNumber = Int(number)
        } else {
            line = moved(
                line, to: try fields.needNumber("pin", 0...127, because: "as on the board"))
        }
        if kind.isInput {
            line.pull =
                try fields.choice("pull", GPIOChip.Pull.allCases.map(\.rawValue)) ?? "as_is"
            line.debounceMilliseconds = try fields.number("debounce_ms", 0...1000) ?? 30
        } else {
            for name in ["pull", "debounce_ms"] where fields.node(name) != nil {
                throw fields.problem(name, "only an input has it")
            }
        }
        return line
    }

    /// Why a kind may not be driven so, and what to do instead; nil if it may.
    private static func refusal(of kind: Channel.Kind, _ reach: HostedBoard.Reach) -> String? {
        let instead = "; put it on a board with the Cuelight firmware"
        let dying = "without a watchdog on the board it would stay on when this computer dies"
        switch (reach, kind) {
        case (.firmata, .light), (.firmata, .servo), (.gpio, .light), (.gpio, .relay),
            (.gpio, .button), (.gpio, .switch):
            return nil
        case (_, .motor), (_, .solenoid), (_, .stepper), (.firmata, .relay):
            return "a \(kind.name) is refused: \(dying)\(instead)"
        case (.firmata, _) where kind.isInput: return "firmata drives outputs only\(instead)"
        case (.firmata, _): return "firmata drives light and servo, not \(kind.name)\(instead)"
        case (.gpio, .servo):
            return "a servo needs pulses that a GPIO line cannot time\(instead)"
        case (.gpio, _):
            return "gpio drives light, relay, button and switch, not \(kind.name)\(instead)"
        }
    }

    private static func channel(
        _ fields: BoardsFileObject, _ kind: Channel.Kind, _ id: UInt8
    ) throws(BoardsFile.Problem) -> Channel {
        let name = try fields.needText("name", 1...24)
        let isDangerous = try fields.flag("dangerous")
        var bounds = Channel.Bounds(
            permilleMax: try fields.number("max_permille", 1...1000),
            dutyMaxPermille: try fields.number("max_duty_permille", 1...1000),
            rateMaxPerMinute: try fields.number("max_rate_per_min", 0...60_000))
        if isDangerous { bounds.dangerous = true }
        let why = "the longest it may be on without being told again, 1 to 60000 ms"
        let channel = Channel(
            id: id, name: name, kind: kind, pin: -1,
            onMaxMilliseconds: kind.isInput
                ? 0 : try fields.needNumber("max_on_ms", 1...60_000, because: why),
            pauseMinMilliseconds: try fields.number("min_pause_ms", 0...60_000) ?? 0,
            delivery: kind == .servo ? .atMostOnce : .atLeastOnce,
            angleMinCentidegrees: kind == .servo
                ? try fields.number("min_cdeg", 0...18_000) ?? 0 : nil,
            angleMaxCentidegrees: kind == .servo
                ? try fields.number("max_cdeg", 0...18_000) ?? 18_000 : nil,
            bounds: bounds)
        if let problem = channel.problem { throw fields.problem("name", problem) }
        return channel
    }

    private static func moved(_ line: HostedBoard.Line, to pin: Int) -> HostedBoard.Line {
        let old = line.channel
        var line = line
        line.channel = Channel(
            id: old.id, name: old.name, kind: old.kind, pin: pin,
            onMaxMilliseconds: old.onMaxMilliseconds,
            pauseMinMilliseconds: old.pauseMinMilliseconds, delivery: old.delivery,
            angleMinCentidegrees: old.angleMinCentidegrees,
            angleMaxCentidegrees: old.angleMaxCentidegrees, bounds: old.bounds)
        return line
    }
}
