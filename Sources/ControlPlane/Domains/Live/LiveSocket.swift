internal import FoundationEssentials
internal import HTTP
internal import Platform
internal import SharedModels

/// The WebSocket of a viewer: events come out as they happen, deeds go in.
///
/// In: `{"type":"comment","text":…}`, `gift` (`gift_id`, `count`), `like` (`count`), `follow`,
/// `share`, `join`; an `id` of the client's own makes a repeat count once.
/// Out: events as of the event stream, and `{"type":"error","id":…,"error":{"code","message"}}`.
struct LiveSocket {
    /// Deeds of one viewer: so many at once, and so many a second in the long run.
    static let burst = 40
    static let perSecond = 20.0

    let service: LiveService
    let hub: Hub
    /// One for each viewer, however many sockets they open.
    let limits: KeyedLimits<AccountID, TokenBucket>

    static func makeLimits() -> KeyedLimits<AccountID, TokenBucket> {
        KeyedLimits(TokenBucket(capacity: burst, perSecond: perSecond), keysMax: 20_000)
    }

    /// The handler for one viewer of one livestream.
    func handler(of account: AccountID, in livestream: LivestreamID) -> WebSocketHandler {
        let limits = limits
        return WebSocketHandler(
            opened: { [hub] in hub.join(LiveService.topic(livestream), $0) },
            received: { [service] socket, message in
                let arrived = socket.receivedNanoseconds
                let deed: SocketDeed
                do throws(SocketDeed.Problem) {
                    deed = try SocketDeed(message)
                } catch {
                    return Self.refuse(socket, id: nil, "malformed", error.message)
                }
                guard limits.admit(account, atNanoseconds: arrived).isAdmitted else {
                    return Self.refuse(socket, id: deed.id, "too_many_requests", "Slow down.")
                }
                do {
                    _ = try await service.take(
                        deed.deed, by: account, in: livestream,
                        id: RepeatKey.make(account, deed.id), arrivedNanoseconds: arrived)
                } catch let error as any HTTPRepresentable {
                    let shown = error.httpError
                    Self.refuse(socket, id: deed.id, shown.code, shown.message)
                } catch {
                    Self.refuse(socket, id: deed.id, "internal", "Something went wrong.")
                }
            })
    }

    private static func refuse(_ socket: WebSocket, id: String?, _ code: String, _ message: String)
    {
        let answer = ErrorJSON(
            type: "error", id: id, error: ErrorJSON.Body(code: code, message: message))
        // Text alone is encoded, which cannot fail.
        guard let bytes = try? JSONEncoder().encode(answer) else { return }
        socket.send(String(decoding: bytes, as: UTF8.self))
    }

    private struct ErrorJSON: Encodable {
        struct Body: Encodable {
            let code: String
            let message: String
        }

        let type: String
        let id: String?
        let error: Body
    }
}

/// A deed as a socket's client writes it.
struct SocketDeed {
    struct Problem: Error { let message: String }

    let deed: NativeDeed
    let id: String?

    init(_ message: WebSocketMessage) throws(Problem) {
        guard case .text(let text) = message, text.utf8.count <= 8192 else {
            throw Problem(message: "Send JSON text of at most 8192 bytes.")
        }
        let fields: Fields
        do { fields = try JSONDecoder().decode(Fields.self, from: Data(text.utf8)) } catch {
            throw Problem(message: "That is not a deed: it needs a type, and the fields of it.")
        }
        guard (fields.id?.utf8.count ?? 0) <= 128 else {
            throw Problem(message: "id has at most 128 bytes.")
        }
        id = fields.id
        deed = try Self.deed(fields)
    }

    private static func deed(_ fields: Fields) throws(Problem) -> NativeDeed {
        switch fields.type {
        case "comment":
            guard let text = fields.text, (1...500).contains(text.unicodeScalars.count) else {
                throw Problem(message: "text must be 1 to 500 characters.")
            }
            return .comment(text: text)
        case "gift":
            guard let gift = fields.giftID.flatMap(GiftCatalogue.gift) else {
                throw Problem(message: "gift_id is not a gift of ours.")
            }
            let count = fields.count ?? 1
            guard (1...NativeDeed.giftCount).contains(count) else {
                throw Problem(message: "count must be 1 to \(NativeDeed.giftCount).")
            }
            return .gift(gift, count: count)
        case "like":
            let count = fields.count ?? 1
            guard (1...LiveLimits.likesPerFrame).contains(count) else {
                throw Problem(message: "count must be 1 to \(LiveLimits.likesPerFrame).")
            }
            return .like(count: count)
        case "follow": return .follow
        case "share": return .share
        case "join": return .join
        default: throw Problem(message: "type must be comment, gift, like, follow, share or join.")
        }
    }

    private struct Fields: Decodable {
        let type: String
        let id: String?
        let text: String?
        let giftID: Int64?
        let count: Int?

        private enum CodingKeys: String, CodingKey {
            case type, id, text, giftID = "gift_id", count
        }
    }
}

/// Names a deed of an account that carries the client's own name, so that a repeat is known.
enum RepeatKey {
    /// Empty if the client gave none. FNV-1a twice over account and name (64 bits each): nobody
    /// but the account itself could make two names meet.
    static func make(_ account: AccountID, _ name: String?) -> String {
        guard let name, !name.isEmpty else { return "" }
        let text = "\(account)|\(name)"
        func hash(_ start: UInt64) -> String {
            let value = text.utf8.reduce(start) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
            let digits = String(value, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        return hash(0xcbf2_9ce4_8422_2325) + hash(0x9ae1_6a3b_2f90_404f)
    }
}
