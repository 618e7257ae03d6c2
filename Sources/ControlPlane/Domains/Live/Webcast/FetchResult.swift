/// The content of a `msg` frame (`ProtoMessageFetchResult`): fields 1 messages, 2 cursor,
/// 5 internal_ext, 9 need_ack, 11 is_first. Borrowed from the bytes it was read from; the
/// messages are read one by one through `messages`.
struct FetchResult {
    private(set) var cursor = UnsafeRawBufferPointer(start: nil, count: 0)
    private(set) var internalExtension = UnsafeRawBufferPointer(start: nil, count: 0)
    private(set) var needsAcknowledgement = false
    /// Set if the bytes end or go wrong somewhere; what came before that is still there.
    private(set) var damage: ProtobufError?
    private let bytes: UnsafeRawBufferPointer

    /// Never fails: a damaged result keeps what came before the damage.
    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        var reader = ProtobufReader(bytes)
        do throws(ProtobufError) {
            while let field = try reader.next() {
                switch field.number {
                case 2: cursor = field.bytes
                case 5: internalExtension = field.bytes
                case 9: needsAcknowledgement = field.isTrue
                default: break
                }
            }
        } catch {
            damage = error
        }
    }

    /// Hands the bytes of each message to `body`, in order, at most
    /// `LiveLimits.messagesPerFrame`. Returns how many more there were.
    func forEachMessage(_ body: (UnsafeRawBufferPointer) -> Void) -> Int {
        var reader = ProtobufReader(bytes)
        var count = 0
        do throws(ProtobufError) {
            while let field = try reader.next() {
                guard field.number == 1, field.isBytes else { continue }
                count += 1
                if count <= LiveLimits.messagesPerFrame { body(field.bytes) }
            }
        } catch {
            // The damage is known since `init`; the messages before it were handed out.
        }
        return max(0, count - LiveLimits.messagesPerFrame)
    }
}

/// The envelope of one message (`BaseProtoMessage`): fields 1 method, 2 payload, 3 msg_id,
/// 6 is_history.
struct BaseMessage {
    private(set) var method = UnsafeRawBufferPointer(start: nil, count: 0)
    private(set) var payload = UnsafeRawBufferPointer(start: nil, count: 0)
    private(set) var messageID: Int64 = 0
    private(set) var isHistory = false

    init(_ bytes: UnsafeRawBufferPointer) throws(ProtobufError) {
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field.number {
            case 1: method = field.bytes
            case 2: payload = field.bytes
            case 3: messageID = field.int64
            case 6: isHistory = field.isTrue
            default: break
            }
        }
    }
}
