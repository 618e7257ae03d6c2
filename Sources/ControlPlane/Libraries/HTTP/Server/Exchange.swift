/// One request and its answer, as the connection follows them.
struct Exchange {
    /// How far the answer is.
    enum Answer { case awaited, begun, ended }

    let request: Request
    let minorVersion: Int
    let startNanoseconds: Int64
    /// Whether the client and we agree to use the connection again.
    var keepsAlive: Bool
    /// The client waits for `100 Continue` before it sends the body.
    var awaitsContinue: Bool
    /// Whether the last byte of the body was parsed.
    var isBodyDone: Bool
    var answer = Answer.awaited
    /// The handler's task has been asked to stop.
    var isCancelled = false
    var status = Status.ok
    var route = ""
    var sentBytes = 0
    var cause: String?
    /// Body bytes received, and how long the handler has waited for them.
    var bodyBytes = 0
    var bodyWaitedNanoseconds: Int64 = 0
    /// Since when it waits now; 0: it does not.
    var bodyWaitStartNanoseconds: Int64 = 0

    var isHead: Bool { request.method == .head }
}
