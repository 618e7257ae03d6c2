/// The outer frame of the Webcast socket (`WebcastPushFrame`): fields 1 seq_id, 2 log_id,
/// 3 service, 4 method, 5 headers {1 key, 2 value}, 6 payload_encoding, 7 payload_type,
/// 8 payload. Borrowed from the bytes it was read from.
struct PushFrame {
    /// What the payload is.
    enum Kind {
        /// A `FetchResult`.
        case messages
        case heartbeat
        case enteredRoom
        case other
    }

    private(set) var kind = Kind.other
    private(set) var logID: Int64 = 0
    private(set) var sequenceID: Int64 = 0
    private(set) var payload = UnsafeRawBufferPointer(start: nil, count: 0)
    private var saysGzip = false

    /// Whether the payload has to be inflated: by its header, or by its first bytes.
    var isGzip: Bool { saysGzip || Inflater.isGzip(payload) }

    init(_ bytes: UnsafeRawBufferPointer) throws(WebcastError) {
        guard bytes.count <= LiveLimits.frameBytes else {
            throw .frameTooLarge(bytes: bytes.count)
        }
        do throws(ProtobufError) {
            try read(bytes)
        } catch {
            throw .malformed(error)
        }
    }

    private mutating func read(_ bytes: UnsafeRawBufferPointer) throws(ProtobufError) {
        var reader = ProtobufReader(bytes)
        var headers = 0
        while let field = try reader.next() {
            switch field.number {
            case 1: sequenceID = field.int64
            case 2: logID = field.int64
            case 5:
                headers += 1
                if headers <= LiveLimits.headersPerFrame { try readHeader(field.bytes) }
            case 7: kind = Self.kind(field.bytes)
            case 8: payload = field.bytes
            default: break
            }
        }
    }

    private mutating func readHeader(_ bytes: UnsafeRawBufferPointer) throws(ProtobufError) {
        var reader = ProtobufReader(bytes)
        var isCompression = false
        var saysGzip = false
        while let field = try reader.next() {
            switch field.number {
            case 1: isCompression = field.bytes.equals("compress_type")
            case 2: saysGzip = field.bytes.equals("gzip")
            default: break
            }
        }
        if isCompression { self.saysGzip = saysGzip }
    }

    private static func kind(_ bytes: UnsafeRawBufferPointer) -> Kind {
        if bytes.equals("msg") { return .messages }
        if bytes.equals("hb") { return .heartbeat }
        if bytes.equals("im_enter_room_resp") { return .enteredRoom }
        return .other
    }
}
