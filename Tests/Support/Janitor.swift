import CLinux
import Glibc
import Platform
import Synchronization

/// Removes folders when the test process has ended, however it ended: a small shell that reads
/// their names from a pipe, and whose reading ends with us.
package enum Janitor {
    private static let pipeEnd = Mutex<Int32?>(nil)

    private static let script = """
        while read -r folder; do set -- "$@" "$folder"; done
        for folder; do rm -rf "$folder" || { sleep 1; rm -rf "$folder"; }; done 2>/dev/null
        """

    /// - Parameter folder: an absolute path without newlines.
    package static func remove(atExit folder: String) throws {
        try pipeEnd.withLock { end in
            let writer = try end ?? start()
            end = writer
            let line = Array("\(folder)\n".utf8)
            guard write(writer, line, line.count) == line.count else {
                throw LinuxError.current("write to the janitor")
            }
        }
    }

    private static func start() throws -> Int32 {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw LinuxError.current("pipe") }
        let (reader, writer) = (ends[0], ends[1])
        defer { close(reader) }
        guard fcntl(writer, F_SETFD, FD_CLOEXEC) == 0 else { throw LinuxError.current("fcntl") }
        let arguments: [String] = ["/bin/sh", "-c", script]
        let environment: [String] = ["PATH=/usr/bin:/bin"]
        var argv = arguments.map { strdup($0) } + [nil]
        var envp = environment.map { strdup($0) } + [nil]
        defer { for text in argv + envp { free(text) } }
        let pid = cue_spawn("/bin/sh", &argv, &envp, reader, -1, -1, nil, -1, -1, 1, 0)
        guard pid > 0 else { throw LinuxError("start the janitor", code: -pid) }
        return writer
    }
}
