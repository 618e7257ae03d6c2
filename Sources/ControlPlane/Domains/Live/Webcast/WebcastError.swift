/// Why a frame, or one message in it, could not be read.
package enum WebcastError: Error, Equatable, Sendable {
    /// The frame is larger than `LiveLimits.frameBytes`.
    case frameTooLarge(bytes: Int)
    /// The payload inflates to more than `LiveLimits.inflatedBytes`.
    case inflatedTooLarge
    /// The payload is not gzip although it says so, is cut off, or its checksum is wrong.
    case badGzip
    /// The bytes are not the protobuf message they should be.
    case malformed(ProtobufError)
    /// There was no memory for the decompressor.
    case outOfMemory
}
