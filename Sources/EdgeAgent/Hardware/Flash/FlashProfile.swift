/// How a board is flashed: its chip, its bootloaders, and which addresses firmware may use.
package struct FlashProfile: Hashable, Sendable {
    /// A bootloader that a board may have.
    package struct Loader: Hashable, Sendable {
        package let name: String
        /// As avrdude names what speaks its protocol.
        package let programmer: String
        package let baud: Int
        /// Where the bootloader itself begins; firmware ends below.
        package let startAddress: Int
    }

    package enum Method: Hashable, Sendable {
        /// - Parameters:
        ///   - part: as avrdude names the chip.
        ///   - signature: three bytes that the chip tells.
        ///   - loaders: tried in this order.
        case avr(part: String, signature: [UInt8], loaders: [Loader])
        case esp(ESPChip)
    }

    /// What comes before an underscore in a board's name: variants differ in their channels alone.
    package let family: String
    package let title: String
    package let method: Method

    /// Addresses that firmware may use, whatever the bootloader.
    package var room: Range<Int> {
        switch method {
        case .avr(_, _, let loaders): 0..<(loaders.map(\.startAddress).max() ?? 0)
        // Below are the chip's bootloader and the table of partitions; the first one follows.
        case .esp: 0x10000..<0x150000
        }
    }

    /// The boards that can be flashed.
    package static let all: [FlashProfile] = [
        FlashProfile(family: "uno", title: "Arduino Uno", method: atmega328P),
        FlashProfile(family: "nano", title: "Arduino Nano", method: atmega328P),
        FlashProfile(
            family: "mega", title: "Arduino Mega 2560",
            method: .avr(
                part: "m2560", signature: [0x1E, 0x98, 0x01],
                loaders: [
                    Loader(
                        name: "stk500boot", programmer: "wiring", baud: 115_200,
                        startAddress: 0x3E000)
                ])),
        FlashProfile(family: "esp32", title: "ESP32", method: .esp(.esp32)),
        FlashProfile(family: "esp32c3", title: "ESP32-C3", method: .esp(.esp32C3)),
    ]

    private static let atmega328P = Method.avr(
        part: "m328p", signature: [0x1E, 0x95, 0x0F],
        loaders: [
            Loader(
                name: "optiboot", programmer: "arduino", baud: 115_200, startAddress: 0x7E00),
            Loader(
                name: "ATmegaBOOT", programmer: "arduino", baud: 57_600, startAddress: 0x7800),
        ])

    /// The profile of a board such as `uno` or `uno_stage`; nil if it cannot be flashed.
    package static func of(board: String) -> FlashProfile? {
        let family = board.split(separator: "_", maxSplits: 1).first.map(String.init) ?? ""
        return all.first { $0.family == family }
    }
}

/// A chip of Espressif's whose ROM we speak with.
package enum ESPChip: String, Hashable, Sendable, CaseIterable {
    case esp32, esp32C3 = "esp32c3"

    /// What the register at 0x40001000 may hold.
    package var magics: [UInt32] {
        switch self {
        case .esp32: [0x00F0_1D83]
        case .esp32C3: [0x6921_506F, 0x1B31_506F, 0x4881_606F, 0x4361_606F]
        }
    }

    /// In the header of its images.
    package var imageChipID: UInt16 {
        switch self {
        case .esp32: 0
        case .esp32C3: 5
        }
    }

    /// FLASH_BEGIN has a fifth word, whether to encrypt.
    var tellsEncryption: Bool { self != .esp32 }
}
