extension Channel {
    /// Limits that not every channel has; nil for none. In JSON they stand beside the channel's other
    /// keys.
    package struct Bounds: Hashable, Sendable, Codable {
        /// Motor and light: the highest speed or level.
        package var permilleMax: Int?
        /// Buzzer.
        package var hertzMin: Int?
        package var hertzMax: Int?
        /// Motor: the pin of its brake; nil if it has none.
        package var brakePin: Int?
        /// Stepper: how far it may go from where it was armed, and how fast, steps a second.
        package var stepsMin: Int?
        package var stepsMax: Int?
        package var speedMaxStepsPerSecond: Int?
        /// After being on for t it stays off for at least t × (1000 − d) / d.
        package var dutyMaxPermille: Int?
        /// How often a minute it may be switched on; 0 for no limit.
        package var rateMaxPerMinute: Int?
        /// It does nothing until somebody unlocks it for a while.
        package var dangerous: Bool?

        package init(
            permilleMax: Int? = nil, hertzMin: Int? = nil, hertzMax: Int? = nil,
            brakePin: Int? = nil, stepsMin: Int? = nil, stepsMax: Int? = nil,
            speedMaxStepsPerSecond: Int? = nil, dutyMaxPermille: Int? = nil,
            rateMaxPerMinute: Int? = nil, dangerous: Bool? = nil
        ) {
            self.permilleMax = permilleMax
            self.hertzMin = hertzMin
            self.hertzMax = hertzMax
            self.brakePin = brakePin
            self.stepsMin = stepsMin
            self.stepsMax = stepsMax
            self.speedMaxStepsPerSecond = speedMaxStepsPerSecond
            self.dutyMaxPermille = dutyMaxPermille
            self.rateMaxPerMinute = rateMaxPerMinute
            self.dangerous = dangerous
        }

        private enum CodingKeys: String, CodingKey {
            case permilleMax = "max_permille", hertzMin = "min_hz", hertzMax = "max_hz"
            case brakePin = "brake_pin", stepsMin = "min_steps", stepsMax = "max_steps"
            case speedMaxStepsPerSecond = "max_speed_sps", dutyMaxPermille = "max_duty_permille"
            case rateMaxPerMinute = "max_rate_per_min", dangerous
        }

        /// Whether each number is one that a board may have.
        var isPlausible: Bool {
            func holds(_ value: Int?, _ range: ClosedRange<Int>) -> Bool {
                value.map(range.contains) ?? true
            }
            return holds(permilleMax, 1...1000) && holds(hertzMin, 1...65_535)
                && holds(hertzMax, 1...65_535) && (hertzMin ?? 1) <= (hertzMax ?? 65_535)
                && holds(brakePin, 0...1023)
                && holds(stepsMin, Operation.positions.lowerBound...0)
                && holds(stepsMax, 0...Operation.positions.upperBound)
                && holds(speedMaxStepsPerSecond, 1...65_535) && holds(dutyMaxPermille, 1...1000)
                && holds(rateMaxPerMinute, 0...60_000)
        }
    }

    package var isDangerous: Bool { bounds.dangerous ?? false }

    /// How long it stays off at least after it was on for so long, milliseconds: its pause, or what
    /// its duty asks for, whichever is longer.
    package func pauseMilliseconds(afterOn on: Int) -> Int {
        guard let duty = bounds.dutyMaxPermille, (1..<1000).contains(duty) else {
            return pauseMinMilliseconds
        }
        // Nothing is on for longer than this, and the product stays small.
        let on = min(max(on, 0), 65_535 * 2)
        return max(pauseMinMilliseconds, (on * (1000 - duty) + duty - 1) / duty)
    }

    /// Shortest time between two switchings-on, milliseconds; 0 for no limit.
    package var periodMinMilliseconds: Int {
        guard let rate = bounds.rateMaxPerMinute, rate > 0 else { return 0 }
        return (59_999 + min(rate, 60_000)) / min(rate, 60_000)
    }
}
