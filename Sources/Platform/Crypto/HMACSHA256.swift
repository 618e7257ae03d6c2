internal import COpenSSL

/// HMAC-SHA256 (RFC 2104) with a key that stays. Any number of threads may use one at once.
package final class HMACSHA256: @unchecked Sendable {
    // Safe: the keyed state is only copied from, which OpenSSL does without writing to it.
    private let handle: OpaquePointer

    /// - Parameter key: of any size; 32 bytes or more to be worth its name.
    package init(key: some Collection<UInt8>) {
        guard let handle = key.withBytePointer({ cue_hmac_new($0, $1) }) else {
            preconditionFailure("HMAC needs memory or a provider")
        }
        self.handle = handle
    }

    deinit { cue_hmac_free(handle) }

    /// The code of a message, 32 bytes.
    package func code(for message: some Collection<UInt8>) -> [UInt8] {
        message.withBytePointer { pointer, size in
            filledBytes(Int(CUE_SHA256_SIZE)) {
                let status = cue_hmac_code(handle, pointer, size, $0)
                precondition(status == 0, "HMAC needs memory")
            }
        }
    }

    /// Whether `code` is the message's, compared in constant time.
    package func isValid(_ code: some Collection<UInt8>, for message: some Collection<UInt8>)
        -> Bool
    {
        constantTimeEquals(code, self.code(for: message))
    }

    /// The code of one message under a key that is used once.
    package static func code(
        for message: some Collection<UInt8>, key: some Collection<UInt8>
    ) -> [UInt8] {
        HMACSHA256(key: key).code(for: message)
    }
}
