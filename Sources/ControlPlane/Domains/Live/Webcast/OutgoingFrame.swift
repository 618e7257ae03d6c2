/// Writes the push frames that a client sends, and those that a server sends in captures.
package enum OutgoingFrame {
    /// Confirms a frame whose result asked for it, with its `internal_ext` as it came.
    package static func acknowledgement(logID: Int64, internalExtension: [UInt8]) -> [UInt8] {
        frame(type: "ack", payload: internalExtension, logID: logID)
    }

    /// Sent once after the connection opened and then every ten seconds. Payload: 1 room_id,
    /// 2 send_packet_seq_id.
    package static func heartbeat(roomID: Int64, sequence: Int64 = 0) -> [UInt8] {
        var payload = ProtobufWriter()
        payload.integer(1, roomID)
        payload.integer(2, sequence)
        return frame(type: "hb", payload: payload.bytes)
    }

    /// Enters a room, or changes it without a new connection.
    /// - Parameter uniqueID: 1 to 2^63 − 1; the server repeats it. 0 leaves it out.
    package static func enterRoom(
        roomID: Int64, cursor: String = "", uniqueID: Int64 = 0
    ) -> [UInt8] {
        var payload = ProtobufWriter()
        payload.integer(1, roomID)
        payload.integer(4, 12)
        payload.text(5, "audience")
        payload.text(6, cursor)
        payload.integer(8, uniqueID)
        payload.text(9, "0")
        return frame(type: "im_enter_room", payload: payload.bytes)
    }

    /// A frame of `type` with `payload` as it is, without compression.
    package static func frame(
        type: String, payload: [UInt8], logID: Int64 = 0, sequenceID: Int64 = 0,
        isGzip: Bool = false
    ) -> [UInt8] {
        var writer = ProtobufWriter(capacity: payload.count + 80)
        writer.integer(1, sequenceID)
        writer.integer(2, logID)
        if isGzip {
            writer.message(5) { header in
                header.text(1, "compress_type")
                header.text(2, "gzip")
            }
        }
        writer.text(6, "pb")
        writer.text(7, type)
        writer.content(8, payload)
        return writer.bytes
    }
}
