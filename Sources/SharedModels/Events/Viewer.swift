/// Who did something in a livestream, as the source names them.
package struct Viewer: Hashable, Sendable, Codable {
    /// The source's stable id of the viewer, at most 64 bytes.
    package let id: String
    /// The handle without `@`, at most 64 bytes.
    package let handle: String
    /// The shown name, at most 128 bytes; text of a stranger, to be escaped wherever it is shown.
    package let name: String
    package let roles: ViewerRoles

    package init(id: String, handle: String, name: String, roles: ViewerRoles = []) {
        self.id = id
        self.handle = handle
        self.name = name
        self.roles = roles
    }
}

/// What a viewer is to the host of the livestream.
package struct ViewerRoles: OptionSet, Hashable, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let follower = ViewerRoles(rawValue: 1 << 0)
    package static let friend = ViewerRoles(rawValue: 1 << 1)
    package static let subscriber = ViewerRoles(rawValue: 1 << 2)
    package static let moderator = ViewerRoles(rawValue: 1 << 3)
    package static let gifter = ViewerRoles(rawValue: 1 << 4)
    package static let host = ViewerRoles(rawValue: 1 << 5)

    /// Every role with its written name, in the order of its bit.
    package static let names: [(role: ViewerRoles, name: String)] = [
        (.follower, "follower"), (.friend, "friend"), (.subscriber, "subscriber"),
        (.moderator, "moderator"), (.gifter, "gifter"), (.host, "host"),
    ]
}

extension ViewerRoles: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        var roles: ViewerRoles = []
        for name in try container.decode([String].self) {
            guard let known = Self.names.first(where: { $0.name == name }) else {
                throw DecodingError.dataCorruptedError(
                    in: container, debugDescription: "unknown role \"\(name)\"")
            }
            roles.insert(known.role)
        }
        self = roles
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(Self.names.filter { contains($0.role) }.map(\.name))
    }
}
