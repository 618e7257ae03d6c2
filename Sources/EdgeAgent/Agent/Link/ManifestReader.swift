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
        if let problem = manifest.problem { throw Problem(description: problem) }
        return manifest
    }
}
