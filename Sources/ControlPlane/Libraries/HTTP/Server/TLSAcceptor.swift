/// Makes the TLS side of accepted sockets.
struct TLSAcceptor: Sendable {
    let accept: @Sendable (Int32) -> (any Transport)?
}
