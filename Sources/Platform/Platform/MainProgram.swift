internal import Glibc

/// Runs an asynchronous program on threads that leave signals alone.
///
/// An `async` main would hand the main thread to the dispatch library, which waits there with
/// every signal let in: SIGTERM would then end the process in the old way, whatever other
/// threads block. Here the main thread blocks the signals too, and sleeps.
package enum MainProgram {
    /// Never returns: exits with what `body` answers. Call it first thing in `main`.
    package static func run(_ body: @escaping @Sendable (Signals) async -> Int32) -> Never {
        let signals: Signals
        do { signals = try Signals.open() } catch {
            Log.standardError("\(error)\n")
            exit(71)
        }
        // Detached: the main thread, and with it the main actor, is never free.
        Task.detached { exit(await body(signals)) }
        while true { pause() }
    }
}
