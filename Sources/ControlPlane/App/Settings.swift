internal import Platform

/// The configuration of `cuelight`, read once. `cuelight check-config --sample` prints it with
/// its defaults.
struct Settings: Sendable {
    /// Logs' levels, as the file writes them.
    enum Level: String, CaseIterable {
        case debug, info, warning, error
    }

    let folder: String
    let listen: SocketAddress
    let tlsCertificate: String?
    let tlsKey: String?
    let databaseURL: String?
    let brokerURL: String?
    let brokerListen: SocketAddress
    let brokerPublicHost: String?
    let brokerTLSCertificate: String?
    let brokerTLSKey: String?
    let brokerPlugin: String
    let logLevel: Log.Level

    init(_ config: inout ConfigReader) {
        config.section("data", "Where everything is kept that must last.")
        // Its services have working directories of their own.
        folder = Folder.absolute(
            config.path(
                "folder", default: Settings.defaultFolder,
                "Keys, and the embedded database and broker. One control plane each."))
        config.section("http", "The API and the console.")
        listen = config.address(
            "listen", default: .ip("127.0.0.1", port: 8080), "Address and port.")
        tlsCertificate = config.optionalPath(
            "tls_certificate", "A certificate chain (PEM); with it and the key, HTTPS is spoken.")
        tlsKey = config.optionalPath("tls_key", "The certificate's private key (PEM).")
        config.section("database", "PostgreSQL 15 or later.")
        databaseURL = config.optionalString(
            "url", "A server of your own; without it `cuelight up` runs one.")
        config.section("mqtt", "The broker that agents connect to.")
        brokerURL = config.optionalString(
            "url",
            "A broker of your own (mqtt://host:port or unix:/path); "
                + "without it `cuelight up` runs one.")
        brokerListen = config.address(
            "listen", default: .ip("127.0.0.1", port: 1884),
            "Where the embedded broker takes agents.")
        brokerPublicHost = config.optionalString(
            "public_host", "The name by which agents reach the broker; by default where it listens."
        )
        brokerTLSCertificate = config.optionalPath(
            "tls_certificate", "A certificate chain (PEM) for the agents' listener.")
        brokerTLSKey = config.optionalPath("tls_key", "The certificate's private key (PEM).")
        brokerPlugin = config.path(
            "plugin", default: Settings.defaultPlugin, "The broker's authentication plugin.")
        config.section("log", "What is written to standard error, one JSON object a line.")
        let level: Level = config.choice("level", default: .info, "The least level that is shown.")
        logLevel = Log.Level(name: level.rawValue) ?? .info
    }
}
