package import Hardware
package import SharedModels

/// What the links with one board have counted since the agent started, over all connections and
/// restarts of the board. A pure value.
package struct LinkRecord: Hashable, Sendable {
    /// Of connections that ended.
    private var sent = 0
    private var retries = 0
    private var crcErrors = 0
    private var framingErrors = 0
    /// Of the last connection, while there is no newer one.
    private var roundTrips = RoundTripHistogram()
    /// The board's own, of all its boots that were heard of.
    private var boardCRCErrors = 0
    private var boardFramingErrors = 0
    private var overruns = 0
    private var duplicates = 0
    private var counters: LinkCounters?
    /// Connections with the identified board that ended by themselves.
    package private(set) var losses = 0
    /// Unexpected restarts.
    package private(set) var resets = 0

    package init() {}

    package mutating func reset() { resets += 1 }

    /// A connection has ended.
    /// - Parameter isLoss: not because the agent stops.
    package mutating func ended(_ statistics: LinkStatistics, isLoss: Bool) {
        if isLoss { losses += 1 }
        sent += statistics.sent
        retries += statistics.retries
        crcErrors += statistics.crcErrors
        framingErrors += statistics.framingErrors
        if statistics.roundTrips.count > 0 { roundTrips = statistics.roundTrips }
    }

    /// The board's counters were read. They begin anew with each boot, and a board boots when
    /// many a port is opened.
    package mutating func counted(_ new: LinkCounters) {
        let isSameBoot =
            counters.map {
                $0.boots == new.boots && $0.uptimeMilliseconds <= new.uptimeMilliseconds
            } ?? false
        let old = isSameBoot ? counters : nil
        func more(_ field: KeyPath<LinkCounters, UInt16>) -> Int {
            max(0, Int(new[keyPath: field]) - Int(old?[keyPath: field] ?? 0))
        }
        boardCRCErrors += more(\.crcErrors)
        boardFramingErrors += more(\.framingErrors)
        overruns += more(\.overruns) + more(\.ringOverflows)
        duplicates += more(\.duplicates)
        counters = new
    }

    /// Everything together.
    /// - Parameter current: of the connection that there is; nil if there is none.
    package func figures(of uid: BoardUID, current: LinkStatistics?) -> AgentTelemetry.Link {
        let latest =
            current.map(\.roundTrips).flatMap { $0.count > 0 ? $0 : nil } ?? roundTrips
        return AgentTelemetry.Link(
            uid: uid, sent: sent + (current?.sent ?? 0),
            retries: retries + (current?.retries ?? 0),
            crcErrors: crcErrors + boardCRCErrors + (current?.crcErrors ?? 0),
            framingErrors: framingErrors + boardFramingErrors + (current?.framingErrors ?? 0),
            overruns: overruns, duplicates: duplicates, losses: losses, resets: resets,
            roundTripP50Microseconds: latest.microseconds(permille: 500),
            roundTripP99Microseconds: latest.microseconds(permille: 990))
    }
}
