import Foundation

/// The repository that this test was built from.
enum Repository {
    static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    struct File: Sendable {
        /// Relative to the root, with `/`.
        let path: String
        let text: String

        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
        var name: String { path.split(separator: "/").last.map(String.init) ?? path }
    }

    /// Every file below `folder` whose name ends so, in order of path.
    static func files(in folder: String, ending suffixes: String...) -> [File] {
        let base = root.appending(path: folder)
        let found = FileManager.default.enumerator(atPath: base.path())
        var files: [File] = []
        while let relative = found?.nextObject() as? String {
            guard suffixes.contains(where: { relative.hasSuffix($0) }),
                let text = try? String(contentsOf: base.appending(path: relative), encoding: .utf8)
            else { continue }
            files.append(File(path: "\(folder)/\(relative)", text: text))
        }
        return files.sorted { $0.path < $1.path }
    }

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appending(path: path).path())
    }

    static func names(in folder: String) -> [String] {
        let path = root.appending(path: folder).path()
        return ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }
}
