internal import SharedModels

extension WebcastMessage {
    /// WebcastGiftMessage: 1 common · 2 gift_id · 3 fan_ticket_count · 5 repeat_count · 7 user ·
    /// 8 to_user · 9 repeat_end · 11 group_id · 15 gift · 23 monitor_info {8 to_user_id} ·
    /// 32 user_identity.
    init(gift body: UnsafeRawBufferPointer) throws(ProtobufError) {
        self.init(content: .nothing)
        var user = WebcastUser()
        var frame = RawGift()
        var reader = ProtobufReader(body)
        while let field = try reader.next() {
            switch field.number {
            case 1: try readCommon(field.bytes)
            case 7: try user.read(field.bytes)
            case 8: try frame.readRecipient(field.bytes)
            case 15: try frame.readGift(field.bytes)
            case 23: try frame.readMonitor(field.bytes)
            case 32: if field.isBytes { try user.readIdentity(field.bytes) }
            default: frame.read(field)
            }
        }
        viewer = try user.viewer()
        content = .gift(frame.frame)
    }
}

/// The fields of a gift message as they come by.
private struct RawGift {
    private var id: Int64 = 0
    private var name = ""
    private var price = 0
    private var addedCoins = 0
    private var repeatCount = 0
    private var isEnd = false
    private var groupID: Int64 = 0
    private var isComboGift = false
    private var recipientID: UInt64 = 0
    private var monitoredRecipientID: UInt64 = 0

    var frame: GiftFrame {
        let recipient = recipientID != 0 ? recipientID : monitoredRecipientID
        return GiftFrame(
            gift: Gift(id: id, name: name, coins: price), repeatCount: repeatCount,
            addedCoins: addedCoins, isEnd: isEnd, groupID: groupID,
            isCombo: isComboGift || repeatCount > 1,
            recipientID: recipient == 0 ? "" : DecimalText.make(recipient))
    }

    mutating func read(_ field: ProtobufField) {
        switch field.number {
        case 2: id = field.int64
        case 3: addedCoins = field.clamped(to: LiveLimits.counter)
        case 5: repeatCount = field.clamped(to: LiveLimits.counter)
        case 9: isEnd = field.isTrue
        case 11: groupID = field.int64
        default: break
        }
    }

    /// Gift: 5 id · 10 combo · 11 type (1 can be sent in a streak) · 12 diamond_count · 16 name.
    mutating func readGift(_ bytes: UnsafeRawBufferPointer) throws(ProtobufError) {
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field.number {
            case 5: if id == 0 { id = field.int64 }
            case 10: isComboGift = isComboGift || field.isTrue
            case 11: isComboGift = isComboGift || field.integer == 1
            case 12: price = field.clamped(to: LiveLimits.counter)
            case 16: name = BoundedText.make(field.bytes, limit: LiveLimits.wordBytes)
            default: break
            }
        }
    }

    /// User: 1 id.
    mutating func readRecipient(_ bytes: UnsafeRawBufferPointer) throws(ProtobufError) {
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            if field.number == 1 { recipientID = field.integer }
        }
    }

    mutating func readMonitor(_ bytes: UnsafeRawBufferPointer) throws(ProtobufError) {
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            if field.number == 8 { monitoredRecipientID = field.integer }
        }
    }
}
