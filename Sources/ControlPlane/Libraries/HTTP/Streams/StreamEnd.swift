/// Why the server ends a stream of events or a WebSocket before its client does.
package struct StreamEnd: Sendable, Hashable {
    let closeCode: CloseCode
    /// A `snake_case` word a program can act on.
    package let code: String
    /// A sentence a person can read; short enough for a close frame.
    package let message: String

    private init(_ closeCode: CloseCode, _ code: String, _ message: String) {
        self.closeCode = closeCode
        self.code = code
        self.message = message
    }

    package static let sessionEnded = StreamEnd(
        .policy, "session_ended", "Your session has ended. Sign in again.")
    package static let forbidden = StreamEnd(
        .policy, "forbidden", "You may not watch this any longer.")
    package static let unchecked = StreamEnd(
        .tryAgainLater, "unavailable", "Your rights cannot be checked now. Try again later.")

    /// The last event of a stream: `{"type":"ended","data":{"code":…,"message":…}}`. The texts are
    /// ours and need no escapes.
    var event: ServerSentEvent {
        ServerSentEvent(
            name: "ended",
            data: #"{"type":"ended","data":{"code":"\#(code)","message":"\#(message)"}}"#)
    }
}
