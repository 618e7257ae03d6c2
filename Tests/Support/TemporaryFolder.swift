import FoundationEssentials
import Glibc
package import Platform

/// A new folder of the test's own, removed with all it holds when the value goes.
package final class TemporaryFolder: Sendable {
    package let path: String

    package init(_ name: String = "test") throws(LinuxError) {
        path = try Self.make(name, under: "/tmp")
    }

    /// Makes a folder of a new name, which its caller removes; its path.
    static func make(_ name: String, under parent: String) throws(LinuxError) -> String {
        var template = Array("\(parent)/cuelight-\(name)-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw .current("mkdtemp") }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        // What cannot be removed stays behind in the system's temporary folder.
        try? FileManager.default.removeItem(atPath: path)
    }

    /// The path of a file in it.
    package func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes a file and returns its path.
    @discardableResult
    package func write(_ text: String, to name: String, mode: UInt32 = 0o600) throws(LinuxError)
        -> String
    {
        try SmallFile.replace(file(name), with: text.utf8, mode: mode)
        return file(name)
    }
}

/// A TCP port of 127.0.0.1 on which nobody listened a moment ago, below the range that the kernel
/// takes connections' own ports from. Where the server can, let it listen on port 0 and ask it.
package func freePort() throws(LinuxError) -> UInt16 {
    while true {
        let port = UInt16.random(in: 10_000..<32_000)
        do throws(LinuxError) {
            let listener = try Socket.listen(.ip("127.0.0.1", port: port))
            // By a word: a child that was just forked has a copy of the descriptor.
            shutdown(listener, Int32(SHUT_RDWR))
            close(listener)
            return port
        } catch {
            guard error.code == EADDRINUSE else { throw error }
        }
    }
}
