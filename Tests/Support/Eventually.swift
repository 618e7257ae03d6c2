package import Testing

/// Waits until a condition holds, where nothing tells when: asks every few milliseconds, and
/// records an issue if it does not hold in time. Where there is an event, await that.
package func eventually(
    within limit: Duration = .seconds(60), _ what: String = "the condition holds",
    sourceLocation: SourceLocation = #_sourceLocation, _ condition: () async throws -> Bool
) async rethrows {
    let clock = ContinuousClock()
    let end = clock.now.advanced(by: limit)
    while true {
        if try await condition() { return }
        guard clock.now < end, !Task.isCancelled else { break }
        // Cancellation shows itself in the next round.
        try? await clock.sleep(for: .milliseconds(2))
    }
    Issue.record("not within \(limit): \(what)", sourceLocation: sourceLocation)
}
