package import Platform

/// Once a second ends silent streaks; every few seconds renews leases and takes over livestreams
/// whose process died.
package final class LiveKeeper: Worker {
    package let name = "livestreams"
    private let service: LiveService
    private let log: Log

    package init(service: LiveService, log: Log) {
        self.service = service
        self.log = log.of("live")
    }

    package func run() async throws {
        let perRenewal = Int(LiveLimits.leaseRenewal.components.seconds)
        var seconds = 0
        repeat {
            if seconds % perRenewal == 0 { await keepLeases() }
            service.tick()
            seconds += 1
            // Cancellation ends the pause, and then the loop.
            try? await Task.sleep(for: .seconds(1))
        } while !Task.isCancelled
        // The task is cancelled now, and its calls would be too.
        await Task { await release() }.value
    }

    private func keepLeases() async {
        do {
            try await service.keepLeases()
        } catch {
            // Until it succeeds again the leases run out, and with them the right to act.
            log.warning("cannot renew leases", ["reason": .string("\(error)")])
        }
    }

    private func release() async {
        do {
            try await service.release()
        } catch {
            log.warning("cannot release leases", ["reason": .string("\(error)")])
        }
    }
}
