import Foundation
import SharedModels
import Testing

@testable import Live

/// Real recorded messages, read in place from a folder `shared/webcast` beside or above the
/// repository. Where it is absent, the tests that need it are skipped and say so.
enum Recordings {
    static let folder: URL? = {
        let environment = ProcessInfo.processInfo.environment
        if let path = environment["CUELIGHT_WEBCAST"] { return URL(fileURLWithPath: path) }
        var place = URL(fileURLWithPath: #filePath)
        while place.path != "/" {
            place.deleteLastPathComponent()
            let folder = place.appendingPathComponent("shared/webcast")
            let probe = folder.appendingPathComponent("messages.jsonl").path
            if FileManager.default.fileExists(atPath: probe) { return folder }
        }
        FileHandle.standardError.write(
            Data("SKIPPED: no folder shared/webcast; set CUELIGHT_WEBCAST to test with it\n".utf8))
        return nil
    }()

    static var isPresent: Bool { folder != nil }

    struct Message: Decodable {
        let type: String
        let payload: [UInt8]

        private enum CodingKeys: String, CodingKey { case type, payload = "payload_b64" }

        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            type = try values.decode(String.self, forKey: .type)
            let text = try values.decode(String.self, forKey: .payload)
            payload = Array(try #require(Data(base64Encoded: text)))
        }
    }

    struct GiftRow: Decodable {
        let room: String
        let groupID: String
        let giftID: Int64
        let gift: String
        let type: Int
        let combo: Bool
        let diamonds: Int
        let repeatCount: Int
        let fanTicketCount: Int
        let repeatEnd: Int
        let createTime: Int64

        private enum CodingKeys: String, CodingKey {
            case room, groupID = "group_id", giftID = "gift_id", gift, type, combo, diamonds
            case repeatCount = "repeat_count", fanTicketCount = "fan_ticket_count"
            case repeatEnd = "repeat_end", createTime = "create_time"
        }

        var frame: GiftFrame {
            GiftFrame(
                gift: .init(id: giftID, name: gift, coins: diamonds), repeatCount: repeatCount,
                addedCoins: fanTicketCount, isEnd: repeatEnd != 0,
                groupID: Int64(groupID) ?? 0, isCombo: combo || type == 1 || repeatCount > 1)
        }
    }

    struct LikeRow: Decodable {
        let room: String
        let count: Int
        let total: Int
    }

    static func messages() throws -> [Message] {
        let folder = try #require(folder)
        let text = try Data(contentsOf: folder.appendingPathComponent("messages.jsonl"))
        return try text.split(separator: UInt8(ascii: "\n")).map {
            try JSONDecoder().decode(Message.self, from: $0)
        }
    }

    static func rows<Row: Decodable>(_ name: String, _: Row.Type) throws -> [Row] {
        let folder = try #require(folder)
        return try JSONDecoder().decode(
            [Row].self, from: Data(contentsOf: folder.appendingPathComponent(name)))
    }
}

/// Frames built for tests.
enum Frames {
    static func envelope(
        _ method: String, _ payload: [UInt8], messageID: Int64 = 0, isHistory: Bool = false
    ) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.text(1, method)
        writer.content(2, payload)
        writer.integer(3, messageID)
        writer.flag(6, isHistory)
        return writer.bytes
    }

    static func result(_ envelopes: [[UInt8]], reply: String = "") -> [UInt8] {
        var writer = ProtobufWriter()
        for envelope in envelopes { writer.content(1, envelope) }
        writer.text(5, reply)
        writer.flag(9, !reply.isEmpty)
        return writer.bytes
    }

    static func push(_ envelopes: [[UInt8]], reply: String = "", gzip: Bool = false) -> [UInt8] {
        let payload = result(envelopes, reply: reply)
        return OutgoingFrame.frame(
            type: "msg", payload: gzip ? Gzip.compress(payload) : payload, logID: 77, isGzip: gzip)
    }

    static func chat(
        _ text: String, id: Int64, user: Int64 = 5, name: String = "Ann", createdAt: Int64 = 1,
        identity: [UInt32]? = nil
    ) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.message(1) {
            $0.integer(2, id)
            $0.integer(3, 9)
            $0.integer(4, createdAt)
        }
        writer.message(2) {
            $0.integer(1, user)
            $0.text(3, name)
            $0.text(38, "ann")
        }
        writer.text(3, text)
        if let identity {
            writer.message(18) { for role in identity { $0.flag(role, true) } }
        }
        return writer.bytes
    }

    /// A frame with one gift message: a streak's running `total`, of which it added `coins`.
    static func gift(
        id: Int64, total: Int, coins: Int, price: Int = 1, streak: Int64, createdAt: Int64,
        isEnd: Bool = false
    ) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.message(1) {
            $0.integer(2, id)
            $0.integer(3, 9)
            $0.integer(4, createdAt)
        }
        writer.integer(2, 5_655)
        writer.integer(3, Int64(coins))
        writer.integer(5, Int64(total))
        writer.message(7) { $0.integer(1, 5) }
        writer.flag(9, isEnd)
        writer.integer(11, streak)
        writer.message(15) {
            $0.flag(10, true)
            $0.integer(12, Int64(price))
            $0.text(16, "Rose")
        }
        return push([envelope("WebcastGiftMessage", writer.bytes)])
    }

    /// A frame with one like message.
    static func like(id: Int64, count: Int, total: Int, createdAt: Int64) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.message(1) {
            $0.integer(2, id)
            $0.integer(4, createdAt)
        }
        writer.integer(2, Int64(count))
        writer.integer(3, Int64(total))
        writer.message(5) { $0.integer(1, 5) }
        return push([envelope("WebcastLikeMessage", writer.bytes)])
    }
}

/// What one decoder made of one frame.
struct Decoded {
    var messages: [WebcastMessage] = []
    var isHistory: [Bool] = []
    var unknown: [String] = []
    var bad = 0
    var receipt: WebcastDecoder.Receipt?
    var error: WebcastError?

    init(_ frame: [UInt8], _ decoder: inout WebcastDecoder) {
        frame.withUnsafeBytes { bytes in
            do throws(WebcastError) {
                receipt = try decoder.decode(bytes) { item in
                    switch item {
                    case .message(let message, let old):
                        messages.append(message)
                        isHistory.append(old)
                    case .unknown(let method, _):
                        unknown.append(String(decoding: method, as: UTF8.self))
                    case .bad: bad += 1
                    }
                }
            } catch {
                self.error = error
            }
        }
    }

    init(_ frame: [UInt8]) {
        var decoder = WebcastDecoder()
        self.init(frame, &decoder)
    }
}

extension Moment {
    /// A time of a test's own clock: seconds since its start.
    static func at(_ seconds: Double) -> Moment {
        Moment(
            monotonicNanoseconds: Int64(seconds * 1e9),
            unixMilliseconds: 1_700_000_000_000 + Int64(seconds * 1_000))
    }
}
