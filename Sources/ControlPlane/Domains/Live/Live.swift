package import HTTP
package import Platform
package import Postgres

/// The front door of the domain: livestreams, their sources, and what happens in them.
package struct Live: Sendable {
    package let service: LiveService
    package let endpoints: [Endpoint]
    /// Run these as long as the process serves.
    package let workers: [any Worker]

    /// - Parameter isAlone: as of `LiveService`.
    package init(
        pool: PostgresPool, hub: Hub, identifiers: IDGenerator, time: TimeSource = .system,
        isAlone: Bool = false, log: Log, findViewer: @escaping LiveService.FindViewer,
        deliver: @escaping LiveService.Deliver, opened: @escaping LiveService.Opened = { _ in }
    ) {
        let eventLog = EventLog(pool: pool, log: log)
        service = LiveService(
            pool: pool, eventLog: eventLog, hub: hub, identifiers: identifiers, time: time,
            isAlone: isAlone, log: log, findViewer: findViewer, deliver: deliver, opened: opened)
        endpoints = LiveRoutes(service: service, hub: hub).endpoints
        // The last is stopped first: the keeper writes the last totals when it lets go.
        workers = [
            eventLog, LiveKeeper(service: service, log: log),
            TotalsWriter(service: service, log: log),
        ]
    }
}
