package import Platform

/// Moves the journal's write-ahead log into its database on a thread of its own, with the
/// fsyncs that needs, so that the loop never waits for a disk.
package struct JournalKeeper: Worker {
    package let name = "journal keeper"
    private let path: String
    private let period: Duration
    private let log: Log
    private let pool: BlockingPool

    /// - Parameters:
    ///   - path: of a journal that exists.
    ///   - period: between two checkpoints; 100 commands a second fill about 1 MB in it.
    package init(path: String, period: Duration = .seconds(5), log: Log) throws(LinuxError) {
        self.path = path
        self.period = period
        self.log = log
        pool = try BlockingPool(name: "journal", threads: 1, waitingMax: 1)
    }

    package func run() async throws {
        while true {
            do {
                try await Task.sleep(for: period)
            } catch {
                // Cancelled: the agent ends.
                return
            }
            do {
                // A connection each time: it is cheap at this rate, and belongs to one thread.
                try await pool.run { [path] in try SQLiteDatabase(path: path).checkpoint() }
            } catch is CancellationError {
                return
            } catch {
                log.warning("checkpoint failed", ["reason": .string("\(error)")])
            }
        }
    }
}
