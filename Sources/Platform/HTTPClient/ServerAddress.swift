package import Platform

/// A server as people name it on a command line: scheme, host and port.
package enum ServerAddress {
    /// `https://host:port` without a slash at the end, ready for a path to follow.
    /// - Parameter command: whose flag `--server` it is.
    package static func read(_ text: String, of command: String) throws(UsageError) -> String {
        guard text.contains("://") else {
            throw UsageError(
                "--server must begin with https:// or http://, such as https://\(example)",
                of: command)
        }
        var name = text
        while name.hasSuffix("/") { name.removeLast() }
        guard let url = HTTPURL(name), url.target == "/" else {
            throw UsageError(
                "--server is an address without a path, such as https://\(example)", of: command)
        }
        return "\(url.isSecure ? "https" : "http")://\(url.authority)"
    }

    private static let example = "cue.example.org"
}
