internal import CMosquitto
internal import Glibc
internal import Synchronization

/// What libmosquitto tells a client. Called on the loop, from within `read`, `write` or `tick`.
protocol MosquittoEvents: AnyObject {
    func connected(code: Int32)
    func disconnected(code: Int32)
    func published(identifier: Int32)
    func subscribed(identifier: Int32, isGranted: Bool)
    func received(topic: String, payload: [UInt8], isRetained: Bool)
}

/// The only holder of a `struct mosquitto`: owns it, and turns its C calls into Swift ones.
/// All calls come from one thread at a time: the loop's, or the connecting thread's while the
/// loop leaves it alone.
final class MosquittoHandle: @unchecked Sendable {
    // Safe: MQTTClient never calls it while a connecting thread does.

    private let raw: OpaquePointer
    /// Borrowed by the C side as user data; set once before any call that can call back.
    weak var events: (any MosquittoEvents)?

    private static let library = Once { _ = mosquitto_lib_init() }

    init(clientID: String, isSessionClean: Bool) throws(MQTTError) {
        Self.library.run()
        guard let raw = mosquitto_new(clientID, isSessionClean, nil) else {
            throw .library(operation: "mosquitto_new", code: errno, message: "out of memory")
        }
        self.raw = raw
        mosquitto_user_data_set(raw, Unmanaged.passUnretained(self).toOpaque())
        // Else the library (2.0) writes a PUBACK before it calls the message's handler, and what
        // dies in between has lost the message. Told that it is one of several threads, it leaves
        // all writing to `write`, which comes after the handlers.
        _ = mosquitto_threaded_set(raw, true)
        installCallbacks()
    }

    deinit { mosquitto_destroy(raw) }

    func configure(_ configuration: MQTTConfiguration) throws(MQTTError) {
        try check("protocol", mosquitto_int_option(raw, MOSQ_OPT_PROTOCOL_VERSION, 4))
        try check("nodelay", mosquitto_int_option(raw, MOSQ_OPT_TCP_NODELAY, 1))
        // Our own queue holds back beyond the window, so the library never queues by itself.
        try check(
            "inflight",
            mosquitto_max_inflight_messages_set(raw, UInt32(clamping: configuration.inflightMax)))
        if let will = configuration.will {
            try check(
                "will",
                mosquitto_will_set(
                    raw, will.topic, Int32(clamping: will.payload.count), will.payload,
                    will.quality.rawValue, will.isRetained))
        }
        if case .tls(_, _, let authorityFile) = configuration.address {
            let folder = authorityFile == nil ? "/etc/ssl/certs" : nil
            try check("tls", mosquitto_tls_set(raw, authorityFile, folder, nil, nil, nil))
        }
    }

    /// Blocks until the TCP connection stands and CONNECT is sent; off the loop.
    func connect(_ configuration: MQTTConfiguration, password: String) throws(MQTTError) {
        try check(
            "credentials",
            mosquitto_username_pw_set(raw, configuration.username, password))
        let (host, port): (String, Int32) =
            switch configuration.address {
            case .tcp(let host, let port), .tls(let host, let port, _): (host, Int32(port))
            case .unix(let path): (path, 0)
            }
        let seconds = Int32(clamping: configuration.keepAlive.components.seconds)
        try check("connect", mosquitto_connect(raw, host, port, max(5, seconds)))
    }

    var descriptor: Int32 { mosquitto_socket(raw) }
    var wantsWrite: Bool { mosquitto_want_write(raw) }

    /// Each returns false if the connection is gone.
    func read() -> Bool { mosquitto_loop_read(raw, 1) == MOSQ_ERR_SUCCESS.rawValue }
    func write() -> Bool { mosquitto_loop_write(raw, 1) == MOSQ_ERR_SUCCESS.rawValue }
    func tick() -> Bool { mosquitto_loop_misc(raw) == MOSQ_ERR_SUCCESS.rawValue }
    func disconnect() {
        _ = mosquitto_disconnect(raw)
        _ = write()
    }

    /// The message's identifier, by which `published` names it.
    func publish(_ message: MQTTMessage) throws(MQTTError) -> Int32 {
        var identifier: Int32 = 0
        try check(
            "publish to \(message.topic)",
            mosquitto_publish(
                raw, &identifier, message.topic, Int32(clamping: message.payload.count),
                message.payload, message.quality.rawValue, message.isRetained))
        return identifier
    }

    func subscribe(_ filter: String, quality: QualityOfService) throws(MQTTError) -> Int32 {
        var identifier: Int32 = 0
        try check(
            "subscribe to \(filter)",
            mosquitto_subscribe(raw, &identifier, filter, quality.rawValue))
        return identifier
    }

    private func check(_ operation: String, _ code: Int32) throws(MQTTError) {
        guard code != MOSQ_ERR_SUCCESS.rawValue else { return }
        let message =
            code == MOSQ_ERR_ERRNO.rawValue
            ? String(cString: strerror(errno)) : String(cString: mosquitto_strerror(code))
        throw .library(operation: operation, code: code, message: message)
    }

    private func installCallbacks() {
        mosquitto_connect_callback_set(raw) { _, context, code in
            MosquittoHandle.of(context)?.events?.connected(code: code)
        }
        mosquitto_disconnect_callback_set(raw) { _, context, code in
            MosquittoHandle.of(context)?.events?.disconnected(code: code)
        }
        mosquitto_publish_callback_set(raw) { _, context, identifier in
            MosquittoHandle.of(context)?.events?.published(identifier: identifier)
        }
        mosquitto_subscribe_callback_set(raw) { _, context, identifier, count, granted in
            let isGranted = count > 0 && granted.map { $0[0] != 128 } ?? false
            MosquittoHandle.of(context)?.events?
                .subscribed(identifier: identifier, isGranted: isGranted)
        }
        mosquitto_message_callback_set(raw) { _, context, message in
            guard let message = message?.pointee, let topic = message.topic else { return }
            let size = Int(max(0, message.payloadlen))
            let payload = message.payload.map {
                [UInt8](UnsafeRawBufferPointer(start: $0, count: size))
            }
            MosquittoHandle.of(context)?.events?.received(
                topic: String(cString: topic), payload: payload ?? [],
                isRetained: message.retain)
        }
    }

    private static func of(_ context: UnsafeMutableRawPointer?) -> MosquittoHandle? {
        context.map { Unmanaged<MosquittoHandle>.fromOpaque($0).takeUnretainedValue() }
    }
}

/// Runs something once in the process's life, whoever comes first.
private final class Once: Sendable {
    private let isDone = Mutex(false)
    private let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }

    func run() {
        isDone.withLock { isDone in
            if !isDone { body() }
            isDone = true
        }
    }
}
