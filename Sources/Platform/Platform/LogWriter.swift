internal import CLinux
internal import Glibc
internal import Synchronization

/// Writes whole lines to a descriptor that somebody else reads, and never waits for ever.
///
/// When the reader of a pipe hangs, a line waits at most `patience`; then lines are dropped, at
/// once and counted, until the pipe takes bytes again: the first line after that is one that
/// says how many are missing. A log is worth less than the hands that write it.
package final class LogWriter: Sendable {
    private struct State {
        /// Lines dropped since the last that was written.
        var droppedCount = 0
        /// A line was cut in the middle and its end is still owed.
        var owesLineEnd = false
    }

    /// A pipe that polls as writable takes at least this much at once: pipe(7), PIPE_BUF.
    private static let chunkSize = 4096

    private let descriptor: Int32
    private let patienceMilliseconds: Int32
    private let state = Mutex(State())

    /// - Parameters:
    ///   - descriptor: stays open, and the caller's.
    ///   - patience: how long a line may wait for its reader; at most a minute.
    package init(descriptor: Int32, patience: Duration = .milliseconds(50)) {
        self.descriptor = descriptor
        patienceMilliseconds = Int32(clamping: min(max(patience.millisecondsClamped, 0), 60_000))
    }

    /// How many lines are missing since the last that was written.
    package var droppedCount: Int { state.withLock { $0.droppedCount } }

    /// Writes a line, its end included. Any thread; lines are never mixed.
    package func write(_ line: String) {
        state.withLock { state in
            let wait = state.droppedCount == 0 ? patienceMilliseconds : 0
            var text = state.owesLineEnd ? "\n" : ""
            if state.droppedCount > 0 {
                text += "{\"level\":\"warning\",\"component\":\"log\","
                text += "\"message\":\"lines are missing\",\"count\":\(state.droppedCount)}\n"
            }
            let start = text.utf8.count
            text += line
            let written = send(text, wait: wait)
            if written >= start { state.droppedCount = 0 }
            if written < text.utf8.count { state.droppedCount += 1 }
            if written > 0 { state.owesLineEnd = written < text.utf8.count && written != start }
        }
    }

    /// Returns how many bytes were written.
    private func send(_ text: String, wait: Int32) -> Int {
        var text = text
        return text.withUTF8 { bytes in
            var done = 0
            while done < bytes.count {
                guard cue_wait_writable(descriptor, wait) != 0 else { return done }
                let size = min(bytes.count - done, Self.chunkSize)
                let count = Glibc.write(descriptor, bytes.baseAddress?.advanced(by: done), size)
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { return done }
                done += count
            }
            return done
        }
    }
}
