internal import COpenSSL

/// SHA-256 (FIPS 180-4).
package enum SHA256 {
    /// The digest of the bytes, 32 bytes.
    package static func hash(_ bytes: some Collection<UInt8>) -> [UInt8] {
        bytes.withBytePointer { pointer, size in
            filledBytes(Int(CUE_SHA256_SIZE)) {
                let status = cue_sha256(pointer, size, $0)
                precondition(status == 0, "SHA-256 needs memory or a provider")
            }
        }
    }

    /// The digest of bytes that come in pieces, such as an upload.
    package struct Stream: ~Copyable {
        private let handle: OpaquePointer

        package init() {
            guard let handle = cue_sha256_stream_new() else {
                preconditionFailure("SHA-256 needs memory or a provider")
            }
            self.handle = handle
        }

        deinit { cue_sha256_stream_free(handle) }

        package mutating func add(_ bytes: some Collection<UInt8>) {
            let status = bytes.withBytePointer { cue_sha256_stream_add(handle, $0, $1) }
            precondition(status == 0, "SHA-256 needs memory")
        }

        package mutating func add(_ bytes: UnsafeRawBufferPointer) {
            bytes.withMemoryRebound(to: UInt8.self) { add($0) }
        }

        /// The digest of all that was added.
        package consuming func finish() -> [UInt8] {
            filledBytes(Int(CUE_SHA256_SIZE)) {
                let status = cue_sha256_stream_finish(handle, $0)
                precondition(status == 0, "SHA-256 needs memory")
            }
        }
    }
}

/// SHA-1, for protocols that ask for it, such as the WebSocket handshake (RFC 6455 §4.2.2). It
/// proves nothing against a forger.
package enum InsecureSHA1 {
    /// The digest of the bytes, 20 bytes.
    package static func hash(_ bytes: some Collection<UInt8>) -> [UInt8] {
        bytes.withBytePointer { pointer, size in
            filledBytes(Int(CUE_SHA1_SIZE)) {
                let status = cue_sha1(pointer, size, $0)
                precondition(status == 0, "SHA-1 needs memory or a provider")
            }
        }
    }
}
