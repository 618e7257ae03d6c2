extension Connection {
    /// The server stops: nothing new begins, what runs may finish.
    func drain() {
        switch phase {
        case .waiting: if parser == nil, input.isEmpty { close() }
        case .handling: exchange?.keepsAlive = false
        case .events: close()
        case .webSocket(let session): session.close(code: .goingAway, reason: "stopping")
        case .lingering, .closed: break
        }
    }
}
