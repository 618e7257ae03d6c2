internal import Crypto
internal import Glibc
internal import Platform

/// A private Mosquitto in the data folder with our authentication plugin: a unix socket for the
/// control plane, a TCP listener for agents.
struct EmbeddedMosquitto {
    /// TLS for agents: the paths of a certificate chain and its key.
    struct TLSFiles: Sendable, Hashable {
        let certificate: String
        let privateKey: String
    }

    let service: SupervisedService
    /// The control plane's own socket.
    let socketPath: String

    static func prepare(
        folder: String, listen: ListenCheck, tls: TLSFiles?, plugin: String,
        publicKey: Ed25519.PublicKey, loop: EventLoop, log: Log
    ) throws -> EmbeddedMosquitto {
        let user = try ServiceProgram.user()
        let home = folder + "/mosquitto"
        let sockets = folder + "/mosquitto-run"
        let socketPath = try ServiceProgram.socketPath(sockets, "mqtt.sock")
        try ServiceProgram.makeFolder(home, for: user, mode: 0o700)
        try ServiceProgram.makeFolder(sockets, for: user, mode: 0o700)
        try copyPlugin(from: plugin, to: home, user: user)
        try write(Base64.encode(publicKey.bytes) + "\n", to: home + "/public-keys", user: user)
        let settings = settings(
            home: home, socketPath: socketPath, listen: listen.address, tls: tls)
        try write(settings, to: home + "/mosquitto.conf", user: user)
        let service = SupervisedService(
            name: "mosquitto",
            program: ChildProcess.Program(
                path: try ServiceProgram.mosquitto(), arguments: ["-c", home + "/mosquitto.conf"],
                directory: home, user: user), stopSignal: SIGTERM, loop: loop, log: log
        ) {
            // A killed broker leaves its socket behind and would refuse to bind it again.
            if unlink(socketPath) != 0 && errno != ENOENT {
                throw LinuxError.current("remove \(socketPath)")
            }
            try listen.check()
        }
        return EmbeddedMosquitto(service: service, socketPath: socketPath)
    }

    private static func settings(
        home: String, socketPath: String, listen: SocketAddress, tls: TLSFiles?
    ) -> String {
        let address =
            switch listen {
            case .ip(let host, let port): "listener \(port) \(host)"
            case .unix(let path): "listener 0 \(path)"
            }
        let encryption = tls.map { "certfile \($0.certificate)\nkeyfile \($0.privateKey)\n" } ?? ""
        return """
            # Written by cuelight at each start.
            per_listener_settings false
            listener 0 \(socketPath)
            \(address)
            \(encryption)
            allow_anonymous false
            plugin \(home)/cuelight_auth.so
            plugin_opt_public_key_file \(home)/public-keys
            plugin_opt_revocation_file \(home)/revocations
            set_tcp_nodelay true
            max_connections -1
            max_inflight_messages 100
            max_queued_messages 5000
            max_queued_bytes 16777216
            message_size_limit 262144
            persistent_client_expiration 7d
            persistence true
            persistence_location \(home)/
            autosave_interval 60
            log_dest stderr
            log_timestamp false
            connection_messages false

            """
    }

    /// The service's user may not be able to enter the folder that the plugin was built in.
    private static func copyPlugin(
        from plugin: String, to home: String, user: ChildProcess.User?
    ) throws {
        guard access(plugin, R_OK) == 0 else { throw EmbeddedProblem.missingPlugin(path: plugin) }
        let bytes = try SmallFile.read(plugin, sizeMax: 16 * 1024 * 1024)
        let path = home + "/cuelight_auth.so"
        try SmallFile.replace(path, with: bytes, mode: 0o755)
        if let user, chown(path, user.userID, user.groupID) != 0 {
            throw LinuxError.current("change the owner of \(path)")
        }
    }

    private static func write(_ text: String, to path: String, user: ChildProcess.User?) throws {
        try SmallFile.replace(path, with: Array(text.utf8), mode: 0o600)
        if let user, chown(path, user.userID, user.groupID) != 0 {
            throw LinuxError.current("change the owner of \(path)")
        }
    }
}
