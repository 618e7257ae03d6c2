internal import Crypto
internal import FoundationEssentials
internal import Glibc
internal import Hardware
internal import Platform

/// What is being done to a board's flash, on disk before it is done: whoever finds it later can
/// bring the board to a firmware that is known.
package struct FlashJournal: Hashable, Sendable, Codable {
    package enum Phase: String, Hashable, Sendable, Codable {
        /// Both images are kept; nothing has been written.
        case prepared
        /// The new image is being written.
        case writing
        /// The new image is in the flash, verified; it has not proved itself.
        case written
        /// The old image is being put back.
        case restoring
    }

    package struct Image: Hashable, Sendable, Codable {
        /// What it says of itself; nil for firmware of somebody else.
        package var facts: FirmwareFacts?
        /// Of the file that keeps it, 64 hex digits.
        package var sha256: String
        /// Nothing but erased bytes: there is nothing to put back.
        package var isBlank: Bool
    }

    package var format = 1
    package var board: String
    package var port: String
    package var loader: String
    package var old: Image
    package var new: Image
    package var phase: Phase
    /// How often writing the new image was begun.
    package var attempts: Int
}

/// The journal's folder: `flash` in the state folder.
package struct FlashFolder: Hashable, Sendable {
    package enum Kept: String, Hashable, Sendable { case old, new }

    private static let journalMaxBytes = 64 * 1024

    package let path: String

    package init(_ folder: StateFolder) { path = "\(folder.path)/flash" }

    private var journalPath: String { "\(path)/journal.json" }

    package func imagePath(_ kept: Kept) -> String { "\(path)/\(kept.rawValue).hex" }

    /// Makes the folder, for the owner alone.
    func make() throws(FlashProblem) {
        do {
            try Folder.make(path, mode: 0o700, isPrivate: true)
        } catch {
            throw .notStarted("\(error)")
        }
    }

    /// Keeps other processes out until it is released.
    func lock() throws(FlashProblem) -> FolderLock {
        let lock: FolderLock?
        do { lock = try FolderLock.take(path) } catch { throw .notStarted("\(error)") }
        guard let lock else { throw .inProgress }
        return lock
    }

    package var hasJournal: Bool { access(journalPath, F_OK) == 0 }

    /// What an earlier flashing left; nil if it ended.
    package func journal() throws(FlashProblem) -> FlashJournal? {
        guard hasJournal else { return nil }
        do {
            let bytes = try SmallFile.read(journalPath, sizeMax: Self.journalMaxBytes)
            return try JSONDecoder().decode(FlashJournal.self, from: Data(bytes))
        } catch {
            throw .stranded(
                reason: "\(journalPath) cannot be read (\(error)); move it away, then flash anew",
                port: "its port")
        }
    }

    /// On disk when it returns.
    func save(_ journal: FlashJournal) throws(FlashProblem) {
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            try SmallFile.replace(journalPath, with: Array(try encoder.encode(journal)))
        } catch {
            throw .notStarted("the flash journal cannot be written: \(error)")
        }
    }

    /// Flashing has ended.
    func removeJournal() throws(FlashProblem) {
        guard unlink(journalPath) == 0 || errno == ENOENT else {
            throw .notStarted("\(LinuxError.current("remove \(journalPath)"))")
        }
        let folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return }
        // If a power cut undoes it, resuming finds the new firmware and ends at once.
        fsync(folder)
        close(folder)
    }

    /// Keeps an image, on disk when it returns.
    func keep(_ image: FirmwareImage, as kept: Kept) throws(FlashProblem) -> FlashJournal.Image {
        let file = IntelHex.write(image)
        do {
            try SmallFile.replace(imagePath(kept), with: file)
        } catch {
            throw .notStarted("the image cannot be kept: \(error)")
        }
        return FlashJournal.Image(
            facts: FirmwareFacts(of: image), sha256: Hexadecimal.encode(SHA256.hash(file)),
            isBlank: image.isBlank)
    }

    /// A kept image, as whole as it was; nil if it is not.
    func image(_ kept: Kept, of journal: FlashJournal) -> FirmwareImage? {
        let wanted = kept == .old ? journal.old : journal.new
        // An image that cannot be read is as good as none.
        guard
            let file = try? SmallFile.read(
                imagePath(kept), sizeMax: IntelHex.Limits.fileMaxBytes),
            Hexadecimal.encode(SHA256.hash(file)) == wanted.sha256
        else { return nil }
        // As above.
        return try? IntelHex.read(file)
    }
}
