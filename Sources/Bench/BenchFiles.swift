import Foundation

/// Where figures are kept: JSON lines for programs, a document for people. A run changes only
/// the parts that it measured.
struct BenchFiles {
    static let lines = ".build/bench.jsonl"
    static let document = "docs/benchmarks.md"

    /// Puts the rows of one part in place of those that were there.
    static func keep(_ rows: [BenchRow], of part: BenchPart, machine: String) throws {
        try keepLines(rows, of: part)
        let section = BenchDocument.section(of: part, rows: rows, machine: machine)
        let old = contents(document)
        try BenchDocument.text(replacing: section, of: part, in: old)
            .write(toFile: document, atomically: true, encoding: .utf8)
    }

    private static func keepLines(_ rows: [BenchRow], of part: BenchPart) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let others = contents(lines).split(separator: "\n").filter { line in
            // A line that cannot be read is of no use to anybody and goes.
            let row = try? JSONDecoder().decode(BenchRow.self, from: Data(line.utf8))
            return row.map { !$0.name.hasPrefix(part.name + ":") } ?? false
        }
        let ours = try rows.map { String(decoding: try encoder.encode($0), as: UTF8.self) }
        let text = (others.map(String.init) + ours).joined(separator: "\n") + "\n"
        try text.write(toFile: lines, atomically: true, encoding: .utf8)
    }

    private static func contents(_ path: String) -> String {
        // The first run finds none.
        (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    }
}
