internal import CSodium

/// Ed25519 signatures (RFC 8032), by libsodium: about 34,000 signatures or 20,000 checks of 200
/// bytes a second on one core.
package enum Ed25519 {
    /// How many bytes a signature has.
    package static let signatureSize = 64

    /// The key that signs. Its bytes are overwritten when the last copy goes.
    package struct PrivateKey: Sendable, CustomStringConvertible {
        package let publicKey: PublicKey
        private let secret: SecretBytes

        /// A new key from the kernel's randomness.
        package init() {
            let seed = SecretBytes(count: Int(CUE_ED25519_SEED_SIZE)) {
                cue_random($0, Int(CUE_ED25519_SEED_SIZE))
            }
            self = seed.withPointer { PrivateKey(seedPointer: $0) }
        }

        /// The key of a seed of 32 bytes, such as one kept in a file.
        package init(seed: some Collection<UInt8>) throws(CryptoError) {
            self = try seed.withBytePointer { pointer, size throws(CryptoError) in
                guard size == Int(CUE_ED25519_SEED_SIZE) else {
                    throw .badKey("an Ed25519 seed has 32 bytes, not \(size)")
                }
                return PrivateKey(seedPointer: pointer)
            }
        }

        private init(seedPointer: UnsafePointer<UInt8>) {
            var bytes: [UInt8] = []
            secret = SecretBytes(count: Int(CUE_ED25519_SECRET_SIZE)) { secret in
                bytes = filledBytes(Int(CUE_ED25519_PUBLIC_SIZE)) {
                    cue_ed25519_keys(seedPointer, $0, secret)
                }
            }
            publicKey = PublicKey(checked: bytes)
        }

        /// The 32 bytes from which the key can be made again. Keep them secret.
        package var seed: [UInt8] {
            secret.withPointer {
                Array(UnsafeBufferPointer(start: $0, count: Int(CUE_ED25519_SEED_SIZE)))
            }
        }

        /// The signature, 64 bytes; the same message gives the same signature.
        package func sign(_ message: some Collection<UInt8>) -> [UInt8] {
            message.withBytePointer { pointer, size in
                secret.withPointer { key in
                    filledBytes(signatureSize) { cue_ed25519_sign(pointer, size, key, $0) }
                }
            }
        }

        /// Names the public half only, so that a log cannot hold the key.
        package var description: String { "Ed25519 private key of \(publicKey)" }
    }

    /// The key that checks.
    package struct PublicKey: Hashable, Sendable, CustomStringConvertible {
        /// The 32 bytes of RFC 8032 §5.1.5.
        package let bytes: [UInt8]

        /// Throws if the bytes are not a usable point of the curve.
        package init(bytes: some Collection<UInt8>) throws(CryptoError) {
            self.bytes = Array(bytes)
            guard self.bytes.count == Int(CUE_ED25519_PUBLIC_SIZE) else {
                throw .badKey("an Ed25519 public key has 32 bytes, not \(self.bytes.count)")
            }
            guard cue_ed25519_is_public_key(self.bytes) == 1 else {
                throw .badKey("not a point of the main group")
            }
        }

        /// Reads the base64url form, which `description` writes.
        package init(_ text: String) throws(CryptoError) {
            guard let bytes = Base64URL.decode(text) else { throw .badKey("not base64url") }
            try self.init(bytes: bytes)
        }

        fileprivate init(checked bytes: [UInt8]) { self.bytes = bytes }

        /// Whether the key's owner signed exactly this message. Any bytes may be asked about.
        package func verify(
            _ signature: some Collection<UInt8>, of message: some Collection<UInt8>
        ) -> Bool {
            signature.withBytePointer { signature, signatureCount in
                guard signatureCount == signatureSize else { return false }
                return message.withBytePointer { message, size in
                    cue_ed25519_verify(signature, message, size, bytes) == 1
                }
            }
        }

        /// The key as base64url.
        package var description: String { Base64URL.encode(bytes) }
    }
}
