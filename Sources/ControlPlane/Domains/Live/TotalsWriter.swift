package import Platform

/// Writes the totals of livestreams behind the hot path, all that changed with one statement. What
/// a killed process had not written is lost: a second's worth, and what came while the database
/// was away.
package final class TotalsWriter: Worker {
    package let name = "livestream totals"
    private let service: LiveService
    private let log: Log

    package init(service: LiveService, log: Log) {
        self.service = service
        self.log = log.of("live")
    }

    package func run() async throws {
        var isFailing = false
        while !Task.isCancelled {
            // Cancellation ends the pause and then the loop; the keeper writes what is left.
            try? await Task.sleep(for: LiveLimits.totalsPause)
            guard !Task.isCancelled else { return }
            do {
                try await service.writeTotals()
                isFailing = false
            } catch {
                if !isFailing {
                    log.warning("cannot write totals", ["reason": .string("\(error)")])
                }
                isFailing = true
            }
        }
    }
}
