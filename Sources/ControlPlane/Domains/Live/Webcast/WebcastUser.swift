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
        var roles: ViewerRoles = []
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            guard field.isTrue else { continue }
            switch field.number {
            case 1: roles.insert(.gifter)
            case 2: roles.insert(.subscriber)
            case 3: roles.formUnion([.friend, .follower])
            case 4: roles.insert(.follower)
            case 5: roles.insert(.moderator)
            case 6: roles.insert(.host)
            default: break
            }
        }
        identity = roles
    }

    /// The viewer; nil if no user was named. Badges are looked at only if the message carried
    /// no identity.
    func viewer() throws(ProtobufError) -> Viewer? {
        guard id != 0 || !idText.isEmpty else { return nil }
        let roles = if let identity { identity } else { try rolesOfUser() }
        return Viewer(
            id: id != 0
                ? String(id) : BoundedText.make(idText, limit: LiveLimits.wordBytes),
            handle: BoundedText.make(handle, limit: LiveLimits.wordBytes),
            name: BoundedText.make(name, limit: LiveLimits.nameBytes), roles: roles)
    }

    /// User: 22 follow_info {3 follow_status: 0 none, 2 friends, else follows} · 32 user_attr
    /// {2 is_admin} · 63 subscribe_info {7 is_subscribed_to_anchor} · 64 badge_list
    /// {3 scene_type} · 1090 is_subscribe.
    private func rolesOfUser() throws(ProtobufError) -> ViewerRoles {
        var roles: ViewerRoles = []
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field.number {
            case 22:
                let status = try Self.integer(3, of: field.bytes)
                if status != 0 { roles.insert(.follower) }
                if status == 2 { roles.insert(.friend) }
            case 32: if try Self.integer(2, of: field.bytes) != 0 { roles.insert(.moderator) }
            case 63: if try Self.integer(7, of: field.bytes) != 0 { roles.insert(.subscriber) }
            case 64: roles.formUnion(Self.badge(try Self.integer(3, of: field.bytes)))
            case 1090: if field.isTrue { roles.insert(.subscriber) }
            default: break
            }
        }
        return roles
    }

    private static func badge(_ scene: UInt64) -> ViewerRoles {
        switch scene {
        case 1: .moderator
        case 3: [.friend, .follower]
        case 4, 7: .subscriber
        case 12: .host
        default: []
        }
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
