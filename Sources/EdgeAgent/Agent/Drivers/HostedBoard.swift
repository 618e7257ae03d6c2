internal import Crypto
internal import FoundationEssentials
internal import GPIO
package import SharedModels

/// A board of the configuration file: pins without firmware of ours, which the agent itself drives
/// and keeps the safety floor of (docs/guides/other-boards.md).
package struct HostedBoard: Hashable, Sendable {
    package enum Limits {
        /// Boards of the file, and channels of one board.
        package static let boardsMax = 8
        package static let channelsMax = 16
    }

    /// How its pins are reached.
    package enum Reach: Hashable, Sendable {
        case firmata(port: String, baud: Int)
        case gpio(chip: String)

        /// The driver's name, and the profile in the manifest.
        package var word: String {
            switch self {
            case .firmata: "firmata"
            case .gpio: "gpio"
            }
        }

        /// The device file.
        package var path: String {
            switch self {
            case .firmata(let port, _): port
            case .gpio(let chip): chip
            }
        }
    }

    /// One channel and its pin.
    package struct Line: Hashable, Sendable {
        package var channel: Channel
        /// Firmata: the number of an analog pin (`A3`), whose pin the board tells.
        package var analogNumber: Int?
        /// GPIO: on is the low level.
        package var isActiveLow = false
        /// Inputs: what holds them; a word of `GPIOChip.Pull`.
        package var pull = "as_is"
        /// Inputs: how long a change must last.
        package var debounceMilliseconds = 0
    }

    /// Its name in the file, for people.
    package let name: String
    package let uid: BoardUID
    package let reach: Reach
    package let lines: [Line]

    package var channels: [Channel] { lines.map(\.channel) }

    /// The identity of a board that has none: from this computer and where its pins are, so that it
    /// is the same after every start and replugging.
    package static func uid(of reach: Reach, machine: String) -> BoardUID {
        let text = "cuelight hosted board\n\(machine)\n\(reach.word)\n\(reach.path)\n"
        let value = SHA256.hash(Array(text.utf8)).prefix(8)
            .reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        // Neither blank nor zero, which mean that there is none.
        return BoardUID(value: value == 0 || value == .max ? 1 : value)
    }

    /// As a board of ours would say it.
    /// - Parameters:
    ///   - version: of the agent, which is its firmware.
    ///   - pins: numbers that only the board knew, by channel.
    package func manifest(version: String, pins: [UInt8: Int]) -> BoardManifest {
        BoardManifest(
            linkVersion: 1, board: reach.word, firmware: version, build: "",
            receiveWindowBytes: 0, hasWatchdog: false,
            channels: channels.map { channel in
                guard let pin = pins[channel.id] else { return channel }
                return Channel(
                    id: channel.id, name: channel.name, kind: channel.kind, pin: pin,
                    onMaxMilliseconds: channel.onMaxMilliseconds,
                    pauseMinMilliseconds: channel.pauseMinMilliseconds,
                    delivery: channel.delivery,
                    angleMinCentidegrees: channel.angleMinCentidegrees,
                    angleMaxCentidegrees: channel.angleMaxCentidegrees, bounds: channel.bounds)
            })
    }
}
