/// The text of `docs/benchmarks.md`: a head, and for each part a section between two comments by
/// which the next run finds it.
enum BenchDocument {
    private static let head = """
        # Benchmarks

        Written by `make bench`; each part says when and where it was measured (`make bench ONLY=rules`
        measures one part and leaves the others as they are). The texts come from
        `Sources/Bench/BenchPart.swift`. *Ratio* is ours divided by the peer's: for rates more is better, for
        times and sizes less. A dash in the peer's column means that there is none in reach. The
        machine is shared while this is measured, so compare within a row rather than between runs.


        """

    /// The whole document with that section in its place; sections keep the order of `BenchPart.all`.
    static func text(replacing section: String, of part: BenchPart, in old: String) -> String {
        head
            + BenchPart.all.compactMap { other in
                other.name == part.name ? section : kept(other, in: old)
            }.joined(separator: "\n")
    }

    /// A part's section as it stands in `text`; nil if it was never measured.
    private static func kept(_ part: BenchPart, in text: String) -> String? {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard let first = lines.firstIndex(where: { $0 == begin(part) }),
            let last = lines[first...].firstIndex(where: { $0 == end(part) })
        else { return nil }
        return lines[first...last].joined(separator: "\n") + "\n"
    }

    private static func begin(_ part: BenchPart) -> String { "<!-- begin \(part.name) -->" }
    private static func end(_ part: BenchPart) -> String { "<!-- end \(part.name) -->" }

    static func section(of part: BenchPart, rows: [BenchRow], machine: String) -> String {
        var lines = [begin(part), "## \(part.title)", "", "\(machine).", "", part.method, ""]
        lines += [
            "| what | ours | unit | peer | peer's | ratio |",
            "| --- | ---: | --- | --- | ---: | ---: |",
        ]
        lines += rows.map { line($0, of: part) }
        lines += ["", "What falls short:", ""]
        lines += behind(rows, of: part).map { "- \($0)" } + part.shortfalls.map { "- \($0)" }
        lines += [end(part), ""]
        return lines.joined(separator: "\n")
    }

    private static func line(_ row: BenchRow, of part: BenchPart) -> String {
        let ratio = row.ratio.map(BenchNumber.ratio) ?? "–"
        let peer = row.ratio == nil ? ("–", "–") : (row.peer, BenchNumber.text(row.peerValue))
        let cells = [
            short(row, of: part), BenchNumber.text(row.value), row.unit, peer.0, peer.1, ratio,
        ]
        return "| " + cells.joined(separator: " | ") + " |"
    }

    /// Where a peer did better in this run, in words.
    private static func behind(_ rows: [BenchRow], of part: BenchPart) -> [String] {
        rows.compactMap { row in
            guard let advantage = row.advantage, advantage < 0.95 else { return nil }
            let times = BenchNumber.ratio(1 / advantage)
            return "\(short(row, of: part)): \(row.peer) is \(times) times better in this run."
        }
    }

    private static func short(_ row: BenchRow, of part: BenchPart) -> String {
        let prefix = part.name + ": "
        return row.name.hasPrefix(prefix) ? String(row.name.dropFirst(prefix.count)) : row.name
    }
}
