internal import SharedModels

extension WebcastMessage {
    /// Reads the body of a message. Every field that is not wanted is stepped over; pictures,
    /// badges and display texts, most of the bytes, are never looked into.
    init(_ method: WebcastMethod, _ body: UnsafeRawBufferPointer) throws(ProtobufError) {
        switch method {
        case .chat: try self.init(chat: body)
        case .gift: try self.init(gift: body)
        case .like: try self.init(like: body)
        case .social: try self.init(social: body)
        case .member: try self.init(member: body)
        case .viewers: try self.init(viewers: body)
        case .control: try self.init(control: body)
        case .deletion: try self.init(deletion: body)
        case .subscribe: try self.init(subscribe: body)
        }
    }

    /// 1 common · 2 user · 3 content · 18 user_identity.
    private init(chat body: UnsafeRawBufferPointer) throws(ProtobufError) {
        self.init(content: .nothing)
        var user = WebcastUser()
        var text = ""
        var reader = ProtobufReader(body)
        while let field = try reader.next() {
            switch field.number {
            case 1: try readCommon(field.bytes)
            case 2: try user.read(field.bytes)
            case 3: text = BoundedText.make(field.bytes, limit: LiveLimits.commentBytes)
            case 18: if field.isBytes { try user.readIdentity(field.bytes) }
            default: break
            }
        }
        viewer = try user.viewer()
        content = .chat(text: text)
    }

    /// 1 common · 2 count · 3 total · 5 user.
    private init(like body: UnsafeRawBufferPointer) throws(ProtobufError) {
        self.init(content: .nothing)
        var user = WebcastUser()
        var count = 0
        var total = 0
        var reader = ProtobufReader(body)
        while let field = try reader.next() {
            switch field.number {
            case 1: try readCommon(field.bytes)
            case 2: count = field.clamped(to: LiveLimits.likesPerFrame)
            case 3: total = field.clamped(to: LiveLimits.counter)
            case 5: try user.read(field.bytes)
            default: break
            }
        }
        viewer = try user.viewer()
        content = .like(count: count, total: total)
    }

    /// 1 common · 2 user · 4 action: 1 follow, 2 to 5 ways of sharing.
    private init(social body: UnsafeRawBufferPointer) throws(ProtobufError) {
        self.init(content: .nothing)
        switch try readUserAndAction(body, action: 4) {
        case 1: content = .follow
        case 2...5: content = .share
        default: break
        }
    }

    /// 1 common · 2 user · 10 action: 1 enter, 46 entered without following, 47 entered from
    /// nearby; the others are about moderation.
    private init(member body: UnsafeRawBufferPointer) throws(ProtobufError) {
        self.init(content: .nothing)
        switch try readUserAndAction(body, action: 10) {
        case 0, 1, 46, 47: content = .join
        default: break
        }
    }

    /// 1 common · 2 user.
    private init(subscribe body: UnsafeRawBufferPointer) throws(ProtobufError) {
        self.init(content: .subscribe)
        _ = try readUserAndAction(body, action: .max)
    }

    /// 1 common · 3 total: the viewers now.
    private init(viewers body: UnsafeRawBufferPointer) throws(ProtobufError) {
        self.init(content: .nothing)
        var count = 0
        var reader = ProtobufReader(body)
        while let field = try reader.next() {
            switch field.number {
            case 1: try readCommon(field.bytes)
            case 3: count = field.clamped(to: LiveLimits.counter)
            default: break
            }
        }
        content = .viewers(count: count)
    }

    /// 1 common · 2 action: 1 paused, 2 resumed, 3 ended, 4 suspended.
    private init(control body: UnsafeRawBufferPointer) throws(ProtobufError) {
        self.init(content: .nothing)
        switch try readUserAndAction(body, action: 2) {
        case 1: content = .control(.paused)
        case 2: content = .control(.resumed)
        case 3: content = .control(.ended)
        case 4: content = .control(.suspended)
        default: break
        }
        viewer = nil
    }

    /// 1 common · 2 delete_msg_ids · 3 delete_user_ids, each packed or not.
    private init(deletion body: UnsafeRawBufferPointer) throws(ProtobufError) {
        self.init(content: .nothing)
        var messageIDs: [String] = []
        var viewerIDs: [String] = []
        var reader = ProtobufReader(body)
        while let field = try reader.next() {
            switch field.number {
            case 1: try readCommon(field.bytes)
            case 2: field.appendIntegers(to: &messageIDs)
            case 3: field.appendIntegers(to: &viewerIDs)
            default: break
            }
        }
        content = .deletion(messageIDs: messageIDs, viewerIDs: viewerIDs)
    }

    /// CommonMessageData: 2 msg_id · 3 room_id · 4 create_time.
    mutating func readCommon(_ bytes: UnsafeRawBufferPointer) throws(ProtobufError) {
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field.number {
            case 2: messageID = field.int64
            case 3: roomID = field.int64
            case 4: createdAtMilliseconds = max(0, field.int64)
            default: break
            }
        }
    }

    /// Reads the common part, the user (2) and returns the integer of field `action`, which
    /// may itself be 2; 0 if absent.
    private mutating func readUserAndAction(
        _ body: UnsafeRawBufferPointer, action: UInt32
    ) throws(ProtobufError) -> UInt64 {
        var user = WebcastUser()
        var value: UInt64 = 0
        var reader = ProtobufReader(body)
        while let field = try reader.next() {
            switch field.number {
            case 1: try readCommon(field.bytes)
            case action where !field.isBytes: value = field.integer
            case 2: try user.read(field.bytes)
            default: break
            }
        }
        viewer = try user.viewer()
        return value
    }
}

extension ProtobufField {
    /// The integer, read as 0 if negative and as `maximum` if larger.
    func clamped(to maximum: Int) -> Int {
        let value = int64
        return value < 0 ? 0 : value > Int64(maximum) ? maximum : Int(value)
    }

    /// Appends the decimal form of a repeated integer, packed or not, up to the limit.
    fileprivate func appendIntegers(to texts: inout [String]) {
        let room = LiveLimits.deletionsPerMessage - texts.count
        guard room > 0 else { return }
        if isBytes {
            texts += bytes.packedIntegers(limit: room).map { String($0) }
        } else {
            texts.append(String(integer))
        }
    }
}
