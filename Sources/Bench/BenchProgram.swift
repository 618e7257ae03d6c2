import Foundation

/// Runs the programs of peers to their end.
enum BenchProgram {
    enum Problem: Error, CustomStringConvertible {
        case failed(program: String, output: String)

        var description: String {
            switch self {
            case .failed(let program, let output):
                "\(program) failed: \(output.split(separator: "\n").last ?? "no output")"
            }
        }
    }

    /// What the program wrote to its standard output.
    /// - Parameter arguments: the program, looked up in PATH, and its arguments.
    @discardableResult
    static func run(_ arguments: [String]) throws -> String {
        let process = Process()
        let (output, complaints) = (Pipe(), Pipe())
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        process.standardOutput = output
        process.standardError = complaints
        try process.run()
        // Complaints are few and fit into the pipe; answers may not.
        let text = String(
            decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let trouble = String(
            decoding: complaints.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Problem.failed(program: arguments.first ?? "", output: text + trouble)
        }
        return text
    }
}
