/// How hard the broker tries to deliver a message (MQTT 3.1.1 §4.3). Level 2 is not used.
package enum QualityOfService: Int32, Sendable {
    case atMostOnce = 0
    case atLeastOnce = 1
}

/// One message to or from a broker.
package struct MQTTMessage: Sendable, Hashable {
    package let topic: String
    package let payload: [UInt8]
    package let quality: QualityOfService
    /// To the broker: keep it for later subscribers. From the broker: it was kept.
    package let isRetained: Bool

    package init(
        topic: String, payload: [UInt8], quality: QualityOfService = .atLeastOnce,
        isRetained: Bool = false
    ) {
        self.topic = topic
        self.payload = payload
        self.quality = quality
        self.isRetained = isRetained
    }
}
