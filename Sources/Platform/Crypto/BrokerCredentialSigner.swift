package import SharedModels

/// Issues the MQTT passwords by which the broker's plugin knows agents and control planes.
package struct BrokerCredentialSigner: Sendable {
    private let privateKey: Ed25519.PrivateKey

    package init(_ privateKey: Ed25519.PrivateKey) { self.privateKey = privateKey }

    /// What the plugin is configured with.
    package var publicKey: Ed25519.PublicKey { privateKey.publicKey }

    /// `v1.<payload>.<signature>`, as `BrokerCredential` documents it. Throws `badCredential` if
    /// a name holds characters that could be read as another field.
    package func password(for credential: BrokerCredential) throws(CryptoError) -> String {
        try Self.check(credential.client, "client")
        try Self.check(credential.workspace, "workspace")
        guard credential.epoch >= 0, credential.expiresAtSeconds > 0 else {
            throw .badCredential("negative epoch or expiry")
        }
        let payload = credential.payload
        let signature = privateKey.sign(payload.utf8)
        return "v1.\(Base64URL.encode(payload.utf8)).\(Base64URL.encode(signature))"
    }

    private static func check(_ name: String, _ field: String) throws(CryptoError) {
        let isPlain = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard isPlain, (1...64).contains(name.utf8.count) else {
            throw .badCredential("\(field) is not 1 to 64 of A-Z a-z 0-9 -")
        }
    }
}
