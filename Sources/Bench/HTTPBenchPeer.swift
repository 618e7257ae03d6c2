import Foundation

/// The same service written for Node.js: one JSON address, one stream of events fed by its input.
final class NodePeer {
    enum Problem: Error { case noNode }

    let port: UInt16
    private let process: Process
    private let input: Pipe

    init() throws {
        process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["node", "-e", Self.source]
        input = Pipe()
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        let line = output.fileHandleForReading.availableData
        guard
            let port = UInt16(
                String(decoding: line, as: UTF8.self).trimmingCharacters(
                    in: .whitespacesAndNewlines))
        else { throw Problem.noNode }
        self.port = port
    }

    func stop() {
        process.terminate()
        process.waitUntilExit()
    }

    /// Sends one message to all viewers.
    func publish(_ text: String) { input.fileHandleForWriting.write(Data("\(text)\n".utf8)) }

    /// User and system time so far, from /proc.
    var cpuSeconds: Double {
        let path = "/proc/\(process.processIdentifier)/stat"
        guard let text = FileManager.default.contents(atPath: path) else { return 0 }
        let fields =
            String(decoding: text, as: UTF8.self).split(separator: ")").last?
            .split(separator: " ") ?? []
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12])
        else { return 0 }
        return (user + system) / 100
    }

    /// Runs a program and returns what it wrote.
    static func output(_ words: String...) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = words
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text
    }

    private static let source = """
        const http = require('http');
        const viewers = new Set();
        const server = http.createServer((request, response) => {
            if (request.url === '/events') {
                response.writeHead(200, { 'Content-Type': 'text/event-stream' });
                response.flushHeaders();
                viewers.add(response);
                request.on('close', () => viewers.delete(response));
                return;
            }
            const id = Number(request.url.split('/')[4]);
            const data = { id, name: 'ann', isLive: true, viewers: 1234,
                           title: 'A stage with lights' };
            const body = JSON.stringify({ data, request_id: String(Math.random()) });
            response.writeHead(200, { 'Content-Type': 'application/json',
                                      'Content-Length': Buffer.byteLength(body) });
            response.end(body);
        });
        server.listen(0, '127.0.0.1', () => console.log(server.address().port));
        require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
            const block = 'data: ' + line + '\\n\\n';
            for (const viewer of viewers) viewer.write(block);
        });
        """
}
