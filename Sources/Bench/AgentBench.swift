import Foundation

/// Measures the memory of a whole agent: released programs, run by a script as a user runs them.
enum AgentBench {
    static func run(report: (BenchRow) -> Void) async throws {
        let text = try BenchProgram.run(["python3", "Tests/Smoke/agent_memory.py"])
        for row in try JSONDecoder().decode([BenchRow].self, from: Data(text.utf8)) { report(row) }
    }
}
