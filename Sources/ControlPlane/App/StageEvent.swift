internal import Devices
internal import Live
internal import SharedModels

/// A live event on its way to the stage, with the times before it came here.
struct StageEvent: Sendable {
    let workspace: WorkspaceID
    let event: LiveEvent
    /// When its bytes were read, `CLOCK_MONOTONIC` nanoseconds: the start of its trace.
    let arrivedNanoseconds: Int64
    /// How old it was then, milliseconds; −1 if nobody says.
    let sourceAgeMilliseconds: Int64
    /// The clock of the agent that read the input, and when; nil for what livestreams bring.
    let input: (clock: String, nanoseconds: Int64)?

    init(_ delivery: LiveDelivery) {
        workspace = delivery.workspace
        event = delivery.event
        arrivedNanoseconds = delivery.arrivedNanoseconds
        sourceAgeMilliseconds = delivery.sourceAgeMilliseconds
        input = nil
    }

    /// A change of an input is a live event of no livestream.
    init(_ report: InputReport, id: LiveEventID) {
        workspace = report.workspace
        event = LiveEvent(
            id: id, livestream: nil, source: .hardware, sourceMessageID: "", viewer: nil,
            happening: .input(report.reading), createdAtMilliseconds: report.readAtMilliseconds,
            isHistory: report.isHistory)
        arrivedNanoseconds = report.arrivedNanoseconds
        sourceAgeMilliseconds = report.ageMilliseconds
        input = (report.agentClock, report.readNanoseconds)
    }

    /// The trace of a cue that it made.
    func trace(of cue: Cue, clock: String, matchedNanoseconds: Int64) -> Trace {
        var trace = Trace(
            id: cue.id.description, clock: clock, sourceAgeMilliseconds: sourceAgeMilliseconds,
            arrivedNanoseconds: arrivedNanoseconds, matchedNanoseconds: matchedNanoseconds)
        trace.inputClock = input?.clock
        trace.inputNanoseconds = input?.nanoseconds
        return trace
    }
}
