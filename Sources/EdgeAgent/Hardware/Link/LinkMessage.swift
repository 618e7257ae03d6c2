internal import FirmwareCore
package import SharedModels

/// What a board says (docs/link.md §3.2). Payloads may be longer than described; the rest is
/// for later versions and ignored.
package enum LinkMessage: Hashable, Sendable {
    case ack(state: LinkState, active: UInt16)
    case hello(Hello)
    case manifestChunk(offset: UInt16, bytes: [UInt8])
    case counters(LinkCounters)
    case nak(reason: UInt8, state: LinkState, remainingMilliseconds: UInt16)
    case event(BoardEvent)
    case committed(CommittedPrograms)
    case clock(ClockReading)

    /// Nil for a type we do not know or a payload that is too short.
    package init?(_ frame: Frame) {
        var reader = ByteReader(frame.payload)
        switch Int(frame.type) {
        case CUE_ACK:
            guard let state = reader.u8(), let active = reader.u16() else { return nil }
            self = .ack(state: LinkState(rawValue: state), active: active)
        case CUE_HELLO:
            guard let hello = Hello(&reader) else { return nil }
            self = .hello(hello)
        case CUE_MANIFEST_CHUNK:
            guard let offset = reader.u16() else { return nil }
            self = .manifestChunk(offset: offset, bytes: reader.rest)
        case CUE_COUNTERS:
            guard let counters = LinkCounters(&reader) else { return nil }
            self = .counters(counters)
        case CUE_NAK:
            guard let reason = reader.u8(), let state = reader.u8(), let rest = reader.u16()
            else { return nil }
            self = .nak(
                reason: reason, state: LinkState(rawValue: state), remainingMilliseconds: rest)
        case CUE_EVENT:
            guard let event = BoardEvent(&reader) else { return nil }
            self = .event(event)
        case CUE_SEQUENCE:
            guard let size = reader.u16(), let crc = reader.u32() else { return nil }
            self = .committed(CommittedPrograms(sizeBytes: size, crc32: crc))
        case CUE_CLOCK:
            guard let microseconds = reader.u32(), let milliseconds = reader.u32() else {
                return nil
            }
            self = .clock(ClockReading(microseconds: microseconds, milliseconds: milliseconds))
        default: return nil
        }
    }
}

/// The state byte of a board (docs/link.md §3.2).
package struct LinkState: Hashable, Sendable {
    package enum Mode: UInt8, Hashable, Sendable { case safe, armed, estopped }

    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The value 3 does not exist; it is read as safe, so that arming is tried again.
    package var mode: Mode { Mode(rawValue: rawValue & UInt8(CUE_STATE_MASK)) ?? .safe }
    /// The last disarming came from the host's silence.
    package var isLinkLost: Bool { rawValue & UInt8(CUE_STATE_LINK_LOST) != 0 }
}

/// A board's introduction.
package struct Hello: Hashable, Sendable {
    package let linkVersion: UInt8
    /// Another one after each boot.
    package let nonce: UInt32
    package let manifestCRC: UInt32
    package let manifestSizeBytes: UInt16
    package let build: UInt32
    package let uid: BoardUID
    package let resetCause: ResetCause
    package let state: LinkState
    /// The firmware's version, such as `0.1.0`.
    package let version: String

    /// Of a board whose driver speaks for it.
    package init(
        nonce: UInt32, manifestCRC: UInt32, manifestSizeBytes: UInt16, uid: BoardUID,
        state: LinkState, version: String
    ) {
        linkVersion = 1
        self.nonce = nonce
        self.manifestCRC = manifestCRC
        self.manifestSizeBytes = manifestSizeBytes
        build = 0
        self.uid = uid
        resetCause = []
        self.state = state
        self.version = version
    }

    init?(_ reader: inout ByteReader) {
        guard let linkVersion = reader.u8(), let nonce = reader.u32(), let crc = reader.u32(),
            let size = reader.u16(), let build = reader.u32(), let uid = reader.u64BigEndian(),
            let cause = reader.u8(), let state = reader.u8(), let major = reader.u8(),
            let minor = reader.u8(), let patch = reader.u8()
        else { return nil }
        self.linkVersion = linkVersion
        self.nonce = nonce
        manifestCRC = crc
        manifestSizeBytes = size
        self.build = build
        self.uid = BoardUID(value: uid)
        resetCause = ResetCause(rawValue: cause)
        self.state = LinkState(rawValue: state)
        version = "\(major).\(minor).\(patch)"
    }
}

/// Why a board booted; empty if its bootloader hides it.
package struct ResetCause: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let powerOn = ResetCause(rawValue: 1)
    package static let pin = ResetCause(rawValue: 2)
    package static let brownOut = ResetCause(rawValue: 4)
    package static let watchdog = ResetCause(rawValue: 8)
    package static let hang = ResetCause(rawValue: 128)

    /// For people: "watchdog, hang", or "unknown".
    package var words: String {
        let names: [(ResetCause, String)] = [
            (.powerOn, "power-on"), (.pin, "reset pin"), (.brownOut, "brown-out"),
            (.watchdog, "watchdog"), (.hang, "hang"),
        ]
        let found = names.filter { contains($0.0) }.map(\.1)
        return found.isEmpty ? "unknown" : found.joined(separator: ", ")
    }
}

/// Something a board says by itself.
package struct BoardEvent: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// An input changed; button and switch 1 or 0, analog permille, distance millimetres.
        case input(value: Int16)
        case fault(Fault)
        case state(LinkState)
        /// The program is the event's channel.
        case sequence(SequenceNews)
        /// A kind of a later version.
        case unknown(UInt8)
    }

    package enum Fault: Hashable, Sendable {
        case linkLost, watchdog, onMax, brownOut, wiredStop
        case unknown(Int16)

        /// For machines, as in `BoardState.fault`.
        package var word: String {
            switch self {
            case .linkLost: "link_lost"
            case .watchdog: "watchdog"
            case .onMax: "max_on"
            case .brownOut: "brown_out"
            case .wiredStop: "estop_wired"
            case .unknown(let number): "fault_\(number)"
            }
        }
    }

    package let kind: Kind
    /// Nil for the board itself.
    package let channel: UInt8?
    package let uptimeMilliseconds: UInt32

    /// Of a board whose driver speaks for it.
    package init(kind: Kind, channel: UInt8) {
        self.kind = kind
        self.channel = channel
        uptimeMilliseconds = 0
    }

    init?(_ reader: inout ByteReader) {
        guard let kind = reader.u8(), let channel = reader.u8(), let raw = reader.u16(),
            let uptime = reader.u32()
        else { return nil }
        self.channel = Int(channel) == CUE_CHANNEL_BOARD ? nil : channel
        uptimeMilliseconds = uptime
        let value = Int16(bitPattern: raw)
        switch Int(kind) {
        case CUE_EVENT_INPUT: self.kind = .input(value: value)
        case CUE_EVENT_FAULT:
            let fault: Fault =
                switch Int(value) {
                case CUE_FAULT_LINK_LOST: .linkLost
                case CUE_FAULT_WATCHDOG: .watchdog
                case CUE_FAULT_MAX_ON: .onMax
                case CUE_FAULT_BROWN_OUT: .brownOut
                case CUE_FAULT_ESTOP_WIRED: .wiredStop
                default: .unknown(value)
                }
            self.kind = .fault(fault)
        case CUE_EVENT_STATE:
            self.kind = .state(LinkState(rawValue: UInt8(truncatingIfNeeded: raw)))
        case CUE_EVENT_SEQUENCE:
            self.kind = SequenceNews(rawValue: value).map(Kind.sequence) ?? .unknown(kind)
        default: self.kind = .unknown(kind)
        }
    }
}

/// What a board counted since its boot (docs/link.md §7).
package struct LinkCounters: Hashable, Sendable {
    package let crcErrors: UInt16
    package let framingErrors: UInt16
    package let overruns: UInt16
    package let ringOverflows: UInt16
    package let duplicates: UInt16
    package let naks: UInt16
    package let transmitDrops: UInt16
    package let linkLosses: UInt16
    package let onMaxCuts: UInt16
    package let executed: UInt32
    package let loopMaxMicroseconds: UInt16
    package let resetCause: ResetCause
    package let uptimeMilliseconds: UInt32
    package let boots: UInt32

    init?(_ reader: inout ByteReader) {
        guard let crcErrors = reader.u16(), let framingErrors = reader.u16(),
            let overruns = reader.u16(), let ringOverflows = reader.u16(),
            let duplicates = reader.u16(), let naks = reader.u16(),
            let transmitDrops = reader.u16(), let linkLosses = reader.u16(),
            let onMaxCuts = reader.u16(), let executed = reader.u32(),
            let loopMax = reader.u16(), let cause = reader.u8(), let uptime = reader.u32(),
            let boots = reader.u32()
        else { return nil }
        self.crcErrors = crcErrors
        self.framingErrors = framingErrors
        self.overruns = overruns
        self.ringOverflows = ringOverflows
        self.duplicates = duplicates
        self.naks = naks
        self.transmitDrops = transmitDrops
        self.linkLosses = linkLosses
        self.onMaxCuts = onMaxCuts
        self.executed = executed
        loopMaxMicroseconds = loopMax
        resetCause = ResetCause(rawValue: cause)
        uptimeMilliseconds = uptime
        self.boots = boots
    }
}
