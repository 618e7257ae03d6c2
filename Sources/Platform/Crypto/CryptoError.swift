/// What can go wrong with keys, passwords and tokens.
package enum CryptoError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A key, seed or signature with the wrong number of bytes, or bytes that are no key.
    case badKey(String)
    /// A broker credential with characters that its written form cannot hold.
    case badCredential(String)
    /// The memory that a password hash needs could not be had.
    case outOfMemory

    package var description: String {
        switch self {
        case .badKey(let reason): "bad key: \(reason)"
        case .badCredential(let reason): "bad broker credential: \(reason)"
        case .outOfMemory: "not enough memory to hash a password"
        }
    }
}
