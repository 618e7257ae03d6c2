/// What a board says of itself: the JSON it keeps in program memory (docs/link.md).
package struct BoardManifest: Hashable, Sendable, Codable {
    /// The link protocol's version; 1.
    package let linkVersion: Int
    /// The board profile's name: `uno`, `host`, …
    package let board: String
    package let firmware: String
    /// The firmware's build hash, 8 hex digits.
    package let build: String
    /// Bytes the board can take in without reading, at most 60 on an AVR.
    package let receiveWindowBytes: Int
    /// The protocol's minor version; nil for 0.
    package let minor: Int?
    /// Bytes for programs that the board runs on its own clock; nil for none.
    package let sequenceBytes: Int?
    /// False if nothing on the board makes its outputs safe when the agent's computer dies; nil for
    /// true, which every firmware of ours is.
    package let hasWatchdog: Bool?
    /// At most `channelsMax`, with distinct ids and names.
    package let channels: [Channel]

    package static let channelsMax = 32
    package static let sizeMaxBytes = 4096

    package init(
        linkVersion: Int, board: String, firmware: String, build: String, receiveWindowBytes: Int,
        minor: Int? = nil, sequenceBytes: Int? = nil, hasWatchdog: Bool? = nil,
        channels: [Channel]
    ) {
        self.linkVersion = linkVersion
        self.board = board
        self.firmware = firmware
        self.build = build
        self.receiveWindowBytes = receiveWindowBytes
        self.minor = minor
        self.sequenceBytes = sequenceBytes
        self.hasWatchdog = hasWatchdog
        self.channels = channels
    }

    private enum CodingKeys: String, CodingKey {
        case linkVersion = "protocol", board, firmware, build, receiveWindowBytes = "rx_window"
        case minor, sequenceBytes = "sequence_bytes", hasWatchdog = "watchdog", channels
    }

    /// The channel of that name, if there is one; the board itself is `Channel.boardName`.
    package func channel(named name: String) -> Channel? {
        name == Channel.boardName ? boardChannel : channels.first { $0.name == name }
    }
}

/// One output or input of a board, with the limits that its firmware enforces.
package struct Channel: Hashable, Sendable, Codable {
    package enum Kind: Hashable, Sendable {
        case relay, servo, motor, buzzer, strip, light, solenoid, stepper
        case button, `switch`, analog, distance
        /// A kind of a later firmware: it is shown, and refused whatever it is told.
        case other(String)
        /// No channel but the board itself; never in a manifest.
        case board

        package var isInput: Bool {
            switch self {
            case .button, .switch, .analog, .distance: true
            default: false
            }
        }

        package var isOutput: Bool {
            switch self {
            case .other, .board: false
            default: !isInput
            }
        }
    }

    /// What becomes of a command whose end is unknown after a crash.
    package enum Delivery: String, Hashable, Sendable, Codable, CaseIterable {
        /// Motion: rather not at all than twice.
        case atMostOnce = "at_most_once"
        /// Set-state: rather twice than not at all.
        case atLeastOnce = "at_least_once"
    }

    package let id: UInt8
    /// 1 to 24 characters of `[a-z0-9_]`, unlike any other of the board.
    package let name: String
    package let kind: Kind
    package let pin: Int
    /// Longest time on without a fresh command, milliseconds; 0 for an input.
    package let onMaxMilliseconds: Int
    /// Shortest pause between off and the next on, milliseconds.
    package let pauseMinMilliseconds: Int
    package let delivery: Delivery
    /// True if the board hears nothing while it executes (strip shows): the agent then sends
    /// nothing until the ACK, heartbeats included.
    package let isQuiet: Bool
    /// Servo: the range of angles, hundredths of a degree.
    package let angleMinCentidegrees: Int?
    package let angleMaxCentidegrees: Int?
    /// Strip: how many pixels.
    package let pixels: Int?
    /// What it has besides, as firmware of minor version 1 tells it.
    package let bounds: Bounds

    package init(
        id: UInt8, name: String, kind: Kind, pin: Int, onMaxMilliseconds: Int = 0,
        pauseMinMilliseconds: Int = 0, delivery: Delivery = .atMostOnce, isQuiet: Bool = false,
        angleMinCentidegrees: Int? = nil, angleMaxCentidegrees: Int? = nil, pixels: Int? = nil,
        bounds: Bounds = Bounds()
    ) {
        self.id = id
        self.name = name
        self.kind = kind
        self.pin = pin
        self.onMaxMilliseconds = onMaxMilliseconds
        self.pauseMinMilliseconds = pauseMinMilliseconds
        self.delivery = delivery
        self.isQuiet = isQuiet
        self.angleMinCentidegrees = angleMinCentidegrees
        self.angleMaxCentidegrees = angleMaxCentidegrees
        self.pixels = pixels
        self.bounds = bounds
    }

    private enum CodingKeys: String, CodingKey {
        case id, name, kind, pin, onMaxMilliseconds = "max_on_ms"
        case pauseMinMilliseconds = "min_pause_ms", delivery, isQuiet = "quiet"
        case angleMinCentidegrees = "min_cdeg", angleMaxCentidegrees = "max_cdeg", pixels
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            id: try values.decode(UInt8.self, forKey: .id),
            name: try values.decode(String.self, forKey: .name),
            kind: try values.decode(Kind.self, forKey: .kind),
            pin: try values.decode(Int.self, forKey: .pin),
            onMaxMilliseconds: try values.decodeIfPresent(Int.self, forKey: .onMaxMilliseconds)
                ?? 0,
            pauseMinMilliseconds: try values.decodeIfPresent(
                Int.self, forKey: .pauseMinMilliseconds) ?? 0,
            delivery: try values.decodeIfPresent(Delivery.self, forKey: .delivery) ?? .atMostOnce,
            isQuiet: try values.decodeIfPresent(Bool.self, forKey: .isQuiet) ?? false,
            angleMinCentidegrees: try values.decodeIfPresent(
                Int.self, forKey: .angleMinCentidegrees),
            angleMaxCentidegrees: try values.decodeIfPresent(
                Int.self, forKey: .angleMaxCentidegrees),
            pixels: try values.decodeIfPresent(Int.self, forKey: .pixels),
            bounds: try Bounds(from: decoder))
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(id, forKey: .id)
        try values.encode(name, forKey: .name)
        try values.encode(kind, forKey: .kind)
        try values.encode(pin, forKey: .pin)
        try values.encode(onMaxMilliseconds, forKey: .onMaxMilliseconds)
        try values.encode(pauseMinMilliseconds, forKey: .pauseMinMilliseconds)
        try values.encode(delivery, forKey: .delivery)
        try values.encode(isQuiet, forKey: .isQuiet)
        try values.encodeIfPresent(angleMinCentidegrees, forKey: .angleMinCentidegrees)
        try values.encodeIfPresent(angleMaxCentidegrees, forKey: .angleMaxCentidegrees)
        try values.encodeIfPresent(pixels, forKey: .pixels)
        try bounds.encode(to: encoder)
    }
}
