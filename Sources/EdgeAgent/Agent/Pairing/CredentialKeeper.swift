internal import Crypto
package import Platform
package import SharedModels
internal import Synchronization

/// Holds the broker credential and renews it at half of its life, and at once if the broker
/// refuses it.
package final class CredentialKeeper: Worker {
    package enum Limits {
        /// Pause after a failed renewal; doubles up to the longest.
        package static let pauseMin: Duration = .seconds(5)
        package static let pauseMax: Duration = .seconds(300)
        /// Between two looks at the clock: a suspended machine must not oversleep.
        package static let look: Duration = .seconds(30)
    }

    package let name = "credential keeper"
    private let folder: StateFolder
    private let agent: AgentID
    private let key: Ed25519Key
    private let calls: ServerCalls
    private let log: Log
    private let renewed: @Sendable () -> Void
    private let clockMeasured: @Sendable (_ aheadMilliseconds: Int64) -> Void
    private let current: Mutex<StoredCredential>
    private let isRefused = Mutex(false)

    /// - Parameters:
    ///   - renewed: told of each new credential.
    ///   - clockMeasured: told how far the server's clock is ahead of ours, at the start, with
    ///     each renewal, and with each other `measureClock`.
    package init(
        folder: StateFolder, agent: AgentID, key: Ed25519Key, credential: StoredCredential,
        calls: ServerCalls, log: Log, renewed: @escaping @Sendable () -> Void,
        clockMeasured: @escaping @Sendable (Int64) -> Void
    ) {
        self.folder = folder
        self.agent = agent
        self.key = key
        self.calls = calls
        self.log = log.of("credential")
        self.renewed = renewed
        self.clockMeasured = clockMeasured
        current = Mutex(credential)
    }

    /// What is the broker's password now. Any thread.
    package var password: String { current.withLock { $0.credential } }
    package var expiresAtMilliseconds: Int64 { current.withLock { $0.expiresAtMilliseconds } }

    /// The broker said that the credential is no good. Any thread.
    package func refused() { isRefused.withLock { $0 = true } }

    package func run() async throws {
        var pause = Limits.pauseMin
        do {
            _ = try await measureClock()
        } catch {
            log.warning("the server's clock is unknown", ["reason": .string("\(error)")])
        }
        do {
            while true {
                let now = SystemTime.unixMilliseconds
                let isDue = current.withLock { $0.renewAtMilliseconds <= now }
                if isDue || isRefused.withLock({ $0 }) {
                    if await renew() {
                        pause = Limits.pauseMin
                        continue
                    }
                    try await Task.sleep(for: pause)
                    pause = min(pause * 2, Limits.pauseMax)
                } else {
                    try await Task.sleep(for: untilNextLook(now))
                }
            }
        } catch is CancellationError {
            return
        }
    }

    private func untilNextLook(_ now: Int64) -> Duration {
        let wait = current.withLock { max(100, $0.renewAtMilliseconds &- now) }
        // Short looks also notice a refusal.
        return min(.milliseconds(wait), Limits.pauseMin, Limits.look)
    }

    private func renew() async -> Bool {
        let nonce = Base64URL.encode(SecureRandom.bytes(16))
        do {
            let ahead = try await measureClock()
            let credential = try await calls.renew(
                agent, key: key, nonce: nonce, nowMilliseconds: SystemTime.unixMilliseconds,
                clockAheadMilliseconds: ahead)
            try folder.save(credential)
            current.withLock { $0 = credential }
            isRefused.withLock { $0 = false }
            log.info("renewed", ["expires_at_ms": .int(credential.expiresAtMilliseconds)])
            renewed()
            return true
        } catch {
            log.warning("not renewed", ["reason": .string("\(error)")])
            return false
        }
    }

    /// How far the server's clock is ahead of ours, milliseconds; less than the two seconds
    /// that its whole-second date can tell counts as nothing.
    @discardableResult
    func measureClock() async throws -> Int64 {
        let start = SystemTime.unixMilliseconds
        guard let date = try await calls.health() else { return 0 }
        let middle = start / 2 + SystemTime.unixMilliseconds / 2
        // The date is cut to the second: half a second more is its middle.
        let ahead = date &+ 500 &- middle
        let isClear = ahead.magnitude > 2000
        clockMeasured(isClear ? ahead : 0)
        return isClear ? ahead : 0
    }
}
