/// One request to the ROM of an ESP32, as Espressif's serial protocol describes it.
package struct ESPCommand: Hashable, Sendable {
    package enum Operation: UInt8, Hashable, Sendable {
        case flashBegin = 0x02, flashData = 0x03, flashEnd = 0x04, sync = 0x08
        case readRegister = 0x0A, spiSetParameters = 0x0B, spiAttach = 0x0D
        case readFlashSlow = 0x0E, spiFlashMD5 = 0x13
    }

    package enum Sizes {
        /// What the ROM takes in one FLASH_DATA.
        package static let blockBytes = 1024
        /// What READ_FLASH_SLOW answers, always.
        package static let readBytes = 64
        static let statusBytes = 4
        package static let sectorBytes = 4096
        static let flashBytes = 4 * 1024 * 1024
    }

    package static let magicRegister: UInt32 = 0x4000_1000

    package let operation: Operation
    package let payload: [UInt8]
    package let checksum: UInt32

    private init(_ operation: Operation, _ payload: [UInt8] = [], checksum: UInt32 = 0) {
        self.operation = operation
        self.payload = payload
        self.checksum = checksum
    }

    private init(_ operation: Operation, words: [UInt32]) {
        self.init(operation, words.flatMap(Self.bytes))
    }

    package static let sync = ESPCommand(
        .sync, [0x07, 0x07, 0x12, 0x20] + [UInt8](repeating: 0x55, count: 32))

    package static func readRegister(_ address: UInt32) -> ESPCommand {
        ESPCommand(.readRegister, words: [address])
    }

    /// Connects the flash by the pins that the chip's fuses say.
    package static let spiAttach = ESPCommand(.spiAttach, words: [0, 0])

    /// Tells the ROM of 4 MB with the geometry that all usual parts have.
    package static let spiSetParameters = ESPCommand(
        .spiSetParameters,
        words: [0, UInt32(Sizes.flashBytes), 0x10000, UInt32(Sizes.sectorBytes), 256, 0xFFFF])

    package static func flashBegin(address: Int, sizeBytes: Int, chip: ESPChip) -> ESPCommand {
        let blocks = (sizeBytes + Sizes.blockBytes - 1) / Sizes.blockBytes
        let words = [sizeBytes, blocks, Sizes.blockBytes, address].map { UInt32(clamping: $0) }
        return ESPCommand(.flashBegin, words: chip.tellsEncryption ? words + [0] : words)
    }

    /// A block is filled up with erased bytes.
    package static func flashData(number: Int, _ data: some Collection<UInt8>) -> ESPCommand {
        let block =
            Array(data)
            + [UInt8](
                repeating: 0xFF, count: max(0, Sizes.blockBytes - data.count))
        let head = [UInt32(block.count), UInt32(clamping: number), 0, 0].flatMap(bytes)
        return ESPCommand(
            .flashData, head + block, checksum: UInt32(block.reduce(0xEF) { $0 ^ $1 }))
    }

    /// Leaves the loader and restarts the chip.
    package static let flashEndRestart = ESPCommand(.flashEnd, words: [0])

    package static func readFlashSlow(address: Int) -> ESPCommand {
        ESPCommand(
            .readFlashSlow, words: [UInt32(clamping: address), UInt32(Sizes.readBytes)])
    }

    package static func spiFlashMD5(address: Int, sizeBytes: Int) -> ESPCommand {
        ESPCommand(
            .spiFlashMD5, words: [UInt32(clamping: address), UInt32(clamping: sizeBytes), 0, 0])
    }

    /// The bytes on the line.
    package var wire: [UInt8] {
        let size = UInt16(clamping: payload.count)
        return SLIP.encode(
            [0x00, operation.rawValue, UInt8(size & 0xFF), UInt8(size >> 8)]
                + Self.bytes(checksum) + payload)
    }

    private static func bytes(_ word: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
    }

    /// How many bytes of data an answer has before its status.
    var answerBytes: Int {
        switch operation {
        case .readFlashSlow: Sizes.readBytes
        case .spiFlashMD5: 32
        default: 0
        }
    }

    /// How long the ROM may take.
    package var patienceNanoseconds: Int64 {
        let second: Int64 = 1_000_000_000
        switch operation {
        case .sync: return second / 10
        // The ROM erases here: some 30 s a megabyte, as slow parts do it.
        case .flashBegin: return second * 60
        case .spiFlashMD5: return second * 10
        default: return second * 3
        }
    }
}

/// What the ROM says to a request.
package struct ESPAnswer: Hashable, Sendable {
    package let operation: UInt8
    package let value: UInt32
    package let data: [UInt8]

    /// Nil if these bytes are no answer.
    package init?(_ packet: [UInt8]) {
        guard packet.count >= 8, packet[0] == 0x01 else { return nil }
        let size = Int(packet[2]) | Int(packet[3]) << 8
        guard packet.count == 8 + size else { return nil }
        operation = packet[1]
        value = (0..<4).reduce(0) { $0 | UInt32(packet[4 + $1]) << (8 * $1) }
        data = Array(packet[8...])
    }

    /// The data of a success; nil for a refusal or an answer of the wrong size.
    func content(of command: ESPCommand) -> [UInt8]? {
        let count = command.answerBytes
        guard data.count >= count + 2, data[count] == 0 else { return nil }
        return Array(data[..<count])
    }

    /// The ROM's reason, if it refuses; nil otherwise.
    func refusal(of command: ESPCommand) -> UInt8? {
        // A refusal may leave the data out.
        let status = data.suffix(ESPCommand.Sizes.statusBytes)
        guard status.count >= 2, let first = status.first, first != 0 else { return nil }
        return status.dropFirst().first
    }
}
