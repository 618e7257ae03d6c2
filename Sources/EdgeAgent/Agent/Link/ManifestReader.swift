internal import FoundationEssentials
internal import SharedModels

/// Reads and checks what a board says of itself (docs/link.md §6).
enum ManifestReader {
    struct Problem: Error, CustomStringConvertible {
        let description: String
    }

    static func read(_ bytes: [UInt8]) throws(Problem) -> BoardManifest {
        guard bytes.count <= BoardManifest.sizeMaxBytes else {
            throw Problem(description: "it is longer than \(BoardManifest.sizeMaxBytes) bytes")
        }
        let manifest: BoardManifest
        do {
            manifest = try JSONDecoder().decode(BoardManifest.self, from: Data(bytes))
        } catch {
            throw Problem(description: "it is not the JSON of a manifest")
        }
        if let problem = problem(of: manifest) { throw Problem(description: problem) }
        return manifest
    }

    private static func problem(of manifest: BoardManifest) -> String? {
        if manifest.linkVersion != 1 { return "its protocol is \(manifest.linkVersion), not 1" }
        guard !manifest.board.isEmpty, manifest.board.utf8.count <= 32 else {
            return "its board name is empty or too long"
        }
        guard manifest.channels.count <= BoardManifest.channelsMax else {
            return "it has more than \(BoardManifest.channelsMax) channels"
        }
        guard Set(manifest.channels.map(\.id)).count == manifest.channels.count,
            Set(manifest.channels.map(\.name)).count == manifest.channels.count
        else { return "two of its channels have the same id or name" }
        for channel in manifest.channels {
            guard isName(channel.name) else { return "a channel has a bad name" }
            let times = 0...60_000
            guard times.contains(channel.onMaxMilliseconds),
                times.contains(channel.pauseMinMilliseconds),
                (0...255).contains(channel.pixels ?? 0)
            else { return "a limit of channel \(channel.name) is out of its range" }
        }
        return nil
    }

    private static func isName(_ name: String) -> Bool {
        (1...24).contains(name.utf8.count)
            && name.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                    UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}
