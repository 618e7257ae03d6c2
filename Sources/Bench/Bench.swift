import Foundation

/// The program `cuelight-bench`: measures the parts that are named, or all of them, beside their
/// peers, and keeps the figures (`BenchFiles`). Its working folder is the repository.
@main
struct Bench {
    static func main() async {
        let wanted = CommandLine.arguments.dropFirst()
        let strangers = wanted.filter { name in !BenchPart.all.contains { $0.name == name } }
        guard strangers.isEmpty else {
            let names = BenchPart.all.map(\.name).joined(separator: ", ")
            print("there is no part \(strangers.joined(separator: ", ")); there are \(names)")
            exit(64)
        }
        PythonPeers.prepare()
        var failures: [String] = []
        for part in BenchPart.all where wanted.isEmpty || wanted.contains(part.name) {
            do { try await measure(part) } catch {
                failures.append("\(part.name): \(error)")
                print("\(part.name) failed, its former figures stay: \(error)")
            }
        }
        print("\nWritten to \(BenchFiles.document) and \(BenchFiles.lines).")
        guard failures.isEmpty else {
            print("Not all parts ran:\n" + failures.joined(separator: "\n"))
            exit(1)
        }
    }

    private static func measure(_ part: BenchPart) async throws {
        let machine = BenchMachine.description
        print("\n\(part.title) (\(machine))")
        var rows: [BenchRow] = []
        try await part.run { row in
            rows.append(row)
            print(line(row))
            // Into a pipe too, each row as it comes.
            fflush(nil)
        }
        guard !rows.isEmpty else { throw Problem.nothingMeasured }
        try BenchFiles.keep(rows, of: part, machine: machine)
    }

    private enum Problem: Error { case nothingMeasured }

    private static func line(_ row: BenchRow) -> String {
        let ours = BenchNumber.text(row.value) + " " + row.unit
        let name = row.name.padding(toLength: 64, withPad: " ", startingAt: 0)
        let value = ours.padding(toLength: 22, withPad: " ", startingAt: 0)
        guard let ratio = row.ratio else { return "  \(name) \(value) no peer" }
        return "  \(name) \(value) \(row.peer) \(BenchNumber.text(row.peerValue)),"
            + " ratio \(BenchNumber.ratio(ratio))"
    }
}
