internal import SharedModels

/// Reads who did something, and what they are to the host. Borrowed while it reads.
struct WebcastUser {
    private var id: UInt64 = 0
    private var idText = UnsafeRawBufferPointer(start: nil, count: 0)
    private var name = UnsafeRawBufferPointer(start: nil, count: 0)
    private var handle = UnsafeRawBufferPointer(start: nil, count: 0)
    private var bytes = UnsafeRawBufferPointer(start: nil, count: 0)
    /// What the message itself says of the viewer and this host; nil if it says nothing.
    private var identity: ViewerRoles?

    /// User: 1 id · 3 nickname · 38 display_id · 1028 id_str.
    mutating func read(_ bytes: UnsafeRawBufferPointer) throws(ProtobufError) {
        self.bytes = bytes
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field.number {
            case 1: id = field.integer
            case 3: name = field.bytes
            case 38: handle = field.bytes
            case 1028: idText = field.bytes
            default: break
            }
        }
    }

    /// UserIdentity: 1 gift_giver · 2 subscriber · 3 mutual · 4 follower · 5 moderator ·
    /// 6 anchor, all of this host.
    mutating func readIdentity(_ bytes: UnsafeRawBufferPointer) throws(ProtobufError) {
        var roles: UInt16 = 0
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            guard field.isTrue else { continue }
            switch field.number {
            case 1: roles |= Role.gifter
            case 2: roles |= Role.subscriber
            case 3: roles |= Role.friend
            case 4: roles |= Role.follower
            case 5: roles |= Role.moderator
            case 6: roles |= Role.host
            default: break
            }
        }
        identity = ViewerRoles(rawValue: roles)
    }

    /// The viewer; nil if no user was named. Badges are looked at only if the message carried
    /// no identity.
    func viewer() throws(ProtobufError) -> Viewer? {
        guard id != 0 || !idText.isEmpty else { return nil }
        let roles = if let identity { identity } else { try rolesOfUser() }
        return Viewer(
            id: id != 0
                ? DecimalText.make(id) : BoundedText.make(idText, limit: LiveLimits.wordBytes),
            handle: BoundedText.make(handle, limit: LiveLimits.wordBytes),
            name: BoundedText.make(name, limit: LiveLimits.nameBytes), roles: roles)
    }

    /// User: 22 follow_info {3 follow_status: 0 none, 2 friends, else follows} · 32 user_attr
    /// {2 is_admin} · 63 subscribe_info {7 is_subscribed_to_anchor} · 64 badge_list
    /// {3 scene_type} · 1090 is_subscribe.
    private func rolesOfUser() throws(ProtobufError) -> ViewerRoles {
        var roles: UInt16 = 0
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field.number {
            case 22:
                let status = try Self.integer(3, of: field.bytes)
                if status != 0 { roles |= status == 2 ? Role.friend : Role.follower }
            case 32: if try Self.integer(2, of: field.bytes) != 0 { roles |= Role.moderator }
            case 63: if try Self.integer(7, of: field.bytes) != 0 { roles |= Role.subscriber }
            case 64: roles |= Self.badge(try Self.integer(3, of: field.bytes))
            case 1090: if field.isTrue { roles |= Role.subscriber }
            default: break
            }
        }
        return ViewerRoles(rawValue: roles)
    }

    private static func badge(_ scene: UInt64) -> UInt16 {
        switch scene {
        case 1: Role.moderator
        case 3: Role.friend
        case 4, 7: Role.subscriber
        case 12: Role.host
        default: 0
        }
    }

    /// The bits of roles as plain numbers: sets made from literals cost more than all the rest
    /// of reading a user. A friend follows, too.
    private enum Role {
        static let follower = ViewerRoles.follower.rawValue
        static let friend = ViewerRoles.friend.rawValue | ViewerRoles.follower.rawValue
        static let subscriber = ViewerRoles.subscriber.rawValue
        static let moderator = ViewerRoles.moderator.rawValue
        static let gifter = ViewerRoles.gifter.rawValue
        static let host = ViewerRoles.host.rawValue
    }

    private static func integer(
        _ number: UInt32, of bytes: UnsafeRawBufferPointer
    ) throws(ProtobufError) -> UInt64 {
        var value: UInt64 = 0
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            if field.number == number { value = field.integer }
        }
        return value
    }
}
