/// What an input of a device says now.
package struct InputReading: Hashable, Sendable, Codable {
    package let device: DeviceID
    /// The channel's name in the device's manifest.
    package let channel: String
    /// Button and switch: 1 for pressed or on, 0 else. Analog: permille. Distance: millimetres.
    package let value: Int

    /// What boards can say.
    package static let values = -32_768...32_767

    package init(device: DeviceID, channel: String, value: Int) {
        self.device = device
        self.channel = channel
        self.value = value
    }

    private enum CodingKeys: String, CodingKey {
        case device = "device_id", channel, value
    }
}
