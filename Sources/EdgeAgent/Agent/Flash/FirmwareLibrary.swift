internal import Crypto
internal import FoundationEssentials
internal import Glibc
package import Hardware
internal import Platform

/// Firmware that is ready to be flashed: a folder of images with an index, as `make firmware`
/// makes it and a package ships it.
package struct FirmwareLibrary: Hashable, Sendable {
    /// `index.json`.
    private struct Index: Codable {
        let format: Int
        let firmware: [Entry]
    }

    package struct Entry: Hashable, Sendable, Codable {
        package let board: String
        package let version: String
        /// 8 hex digits.
        package let build: String
        /// A name in the same folder: Intel HEX (`.hex`), or plain bytes (`.bin`).
        package let file: String
        /// Of the file, 64 hex digits.
        package let sha256: String
        /// Where the bytes of a `.bin` go; the beginning of the board's room if nobody says.
        package let address: Int?
    }

    /// An image, read and checked.
    package struct Firmware: Hashable, Sendable {
        package let facts: FirmwareFacts
        package let image: FirmwareImage
        package let profile: FlashProfile
    }

    private static let indexMaxBytes = 256 * 1024
    private static let entriesMax = 256

    package let folder: String

    package init(folder: String) { self.folder = folder }

    /// Where the images are if nobody says: beside the program, or where a package puts them.
    package static func standard(programPath: String?) -> FirmwareLibrary {
        let beside = programPath.map { path in
            path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
                .joined(separator: "/")
        }
        let folders = [
            beside.map { "\($0)/firmware" }, beside.map { "\($0)/../share/cuelight/firmware" },
            "/usr/share/cuelight/firmware",
        ].compactMap { $0 }
        let found = folders.first {
            // A folder without an index is none of ours.
            (try? SmallFile.read("\($0)/index.json", sizeMax: indexMaxBytes)) != nil
        }
        return FirmwareLibrary(folder: found ?? "/usr/share/cuelight/firmware")
    }

    package func entries() throws(FlashProblem) -> [Entry] {
        let path = "\(folder)/index.json"
        let bytes: [UInt8]
        do {
            bytes = try SmallFile.read(path, sizeMax: Self.indexMaxBytes)
        } catch {
            throw .notStarted(
                "there are no firmware images (\(error)); name their folder with --images, "
                    + "or an image with --image")
        }
        let index: Index
        do {
            index = try JSONDecoder().decode(Index.self, from: Data(bytes))
        } catch {
            throw .refused("\(path) is not the index of firmware images")
        }
        guard index.format == 1, index.firmware.count <= Self.entriesMax else {
            throw .refused("\(path) is of a later release")
        }
        return index.firmware
    }

    /// The firmware for a board, checked.
    /// - Parameter build: which; nil for the first that the index names.
    package func firmware(
        for board: String, build: String? = nil
    ) throws(FlashProblem) -> Firmware {
        let entries = try entries()
        let found = entries.first { $0.board == board && build ?? $0.build == $0.build }
        guard let entry = found else {
            if let build, entries.contains(where: { $0.board == board }) {
                throw .refused("build \(build) for \"\(board)\" is not in \(folder) any more")
            }
            let known = entries.map(\.board).sorted().joined(separator: ", ")
            throw .refused("there is no firmware for \"\(board)\" in \(folder), only: \(known)")
        }
        return try firmware(entry)
    }

    /// The image of a build; nil if it is not here or not whole.
    package func image(board: String, build: String) -> FirmwareImage? {
        // Without a whole image the board itself is read.
        guard let entry = (try? entries())?.first(where: { $0.board == board && $0.build == build })
        else { return nil }
        // As above.
        return (try? firmware(entry))?.image
    }

    package func firmware(_ entry: Entry) throws(FlashProblem) -> Firmware {
        guard !entry.file.contains("/"), !entry.file.hasPrefix(".") else {
            throw .refused("the index names a file outside its folder: \(entry.file)")
        }
        let path = "\(folder)/\(entry.file)"
        let bytes = try Self.read(path)
        guard Hexadecimal.encode(SHA256.hash(bytes)) == entry.sha256 else {
            throw .refused("\(path) is damaged: its SHA-256 is not the one of the index")
        }
        let firmware = try Self.parse(bytes, path: path, address: entry.address)
        let said = FirmwareFacts(board: entry.board, version: entry.version, build: entry.build)
        guard firmware.facts == said else {
            throw .refused(
                "\(path) is \(firmware.facts.words), and the index calls it \(said.words)")
        }
        return firmware
    }

    /// The firmware in a file that no index names.
    package static func firmware(at path: String) throws(FlashProblem) -> Firmware {
        try parse(try read(path), path: path, address: nil)
    }

    private static func read(_ path: String) throws(FlashProblem) -> [UInt8] {
        do {
            return try SmallFile.read(path, sizeMax: IntelHex.Limits.fileMaxBytes)
        } catch {
            throw error.code == EFBIG
                ? .refused("\(path) is too large for firmware") : .notStarted("\(error)")
        }
    }

    private static func parse(
        _ bytes: [UInt8], path: String, address: Int?
    ) throws(FlashProblem) -> Firmware {
        var image: FirmwareImage
        if path.hasSuffix(".bin") {
            image = FirmwareImage(at: address ?? 0, bytes)
        } else {
            do {
                image = try IntelHex.read(bytes)
            } catch {
                throw .refused("\(path) is damaged: \(error)")
            }
        }
        guard let facts = FirmwareFacts(of: image) else {
            throw .refused("\(path) is no Cuelight firmware: there is no manifest in it")
        }
        guard let profile = FlashProfile.of(board: facts.board) else {
            throw .refused("\(path) is for \"\(facts.board)\", which cannot be flashed from here")
        }
        if path.hasSuffix(".bin"), address == nil {
            image = FirmwareImage(at: profile.room.lowerBound, bytes)
        }
        try check(image, for: profile, path: path)
        return Firmware(facts: facts, image: image, profile: profile)
    }

    private static func check(
        _ image: FirmwareImage, for profile: FlashProfile, path: String
    ) throws(FlashProblem) {
        guard let range = image.range else { throw .refused("\(path) is empty") }
        guard profile.room.contains(range.lowerBound), range.upperBound <= profile.room.upperBound
        else {
            throw .refused(
                "\(path) reaches from \(hex(range.lowerBound)) to \(hex(range.upperBound)); the "
                    + "\(profile.title) has room from \(hex(profile.room.lowerBound)) to "
                    + "\(hex(profile.room.upperBound)), and its bootloader beyond that")
        }
        guard case .esp(let chip) = profile.method else { return }
        let head = image.bytes(in: range.lowerBound..<range.lowerBound + 24)
        guard head[0] == 0xE9, UInt16(head[12]) | UInt16(head[13]) << 8 == chip.imageChipID else {
            throw .refused("\(path) is no image for an \(profile.title)")
        }
    }

    static func hex(_ address: Int) -> String { "0x" + String(address, radix: 16) }
}
