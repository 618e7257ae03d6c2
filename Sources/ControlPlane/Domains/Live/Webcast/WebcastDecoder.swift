internal import SharedModels

/// Takes push frames apart, one at a time: outer frame, gzip, result, messages. Whatever is
/// wrong with one message stays with it; its neighbours are read.
package struct WebcastDecoder: ~Copyable, Sendable {
    /// What came by since the start.
    package struct Counters: Hashable, Sendable {
        /// Frames that were read, and frames that could not be.
        package var frames = 0
        package var badFrames = 0
        /// Messages that were read, of any method.
        package var messages = 0
        /// Messages that could not be read, and results that were cut off.
        package var badMessages = 0
        /// Messages beyond the limit of one frame.
        package var droppedMessages = 0
        /// Messages of methods that we do not read, by name.
        package var unknown: [String: Int] = [:]
        /// The same for names beyond `LiveLimits.countedMethods`.
        package var otherUnknown = 0

        mutating func countUnknown(_ name: UnsafeRawBufferPointer) {
            let name = BoundedText.make(name, limit: LiveLimits.methodBytes)
            if unknown[name] != nil || unknown.count < LiveLimits.countedMethods {
                unknown[name, default: 0] += 1
            } else {
                otherUnknown += 1
            }
        }
    }

    /// One message as it came by.
    package enum Item {
        case message(WebcastMessage, isHistory: Bool)
        /// A method that we do not read, with its body, borrowed until the handler returns.
        case unknown(method: UnsafeRawBufferPointer, body: UnsafeRawBufferPointer)
        /// The bytes of a message that could not be read, borrowed likewise.
        case bad(ProtobufError)
    }

    /// What a frame was, apart from its messages.
    package struct Receipt: Hashable, Sendable {
        /// A frame to send back at once; nil if none was asked for.
        package let acknowledgement: [UInt8]?
        /// Whether it carried messages; heartbeats and greetings do not.
        package let hasMessages: Bool
        /// Messages beyond `LiveLimits.messagesPerFrame`, which were not read.
        package var droppedMessages = 0
    }

    package private(set) var counters = Counters()
    private var inflater = Inflater()

    package init() {}

    /// Reads one push frame and hands out its messages in order.
    package mutating func decode(
        _ bytes: UnsafeRawBufferPointer, handler: (Item) -> Void
    ) throws(WebcastError) -> Receipt {
        do throws(WebcastError) {
            let frame = try PushFrame(bytes)
            counters.frames += 1
            guard frame.kind == .messages else {
                return Receipt(acknowledgement: nil, hasMessages: false)
            }
            let payload = frame.isGzip ? try inflater.inflate(frame.payload) : frame.payload
            return read(FetchResult(payload), logID: frame.logID, handler: handler)
        } catch {
            counters.badFrames += 1
            throw error
        }
    }

    private mutating func read(
        _ result: FetchResult, logID: Int64, handler: (Item) -> Void
    ) -> Receipt {
        // Taken out and put back, so that counting does not copy the table of names.
        var counters = Counters()
        swap(&counters, &self.counters)
        if result.damage != nil { counters.badMessages += 1 }
        let dropped = result.forEachMessage { bytes in
            handler(Self.item(bytes, &counters))
        }
        counters.droppedMessages += dropped
        swap(&counters, &self.counters)
        let reply = result.internalExtension
        let isAsked =
            result.needsAcknowledgement && !reply.isEmpty
            && reply.count <= LiveLimits.acknowledgementBytes
        return Receipt(
            acknowledgement: isAsked
                ? OutgoingFrame.acknowledgement(logID: logID, internalExtension: Array(reply))
                : nil,
            hasMessages: true, droppedMessages: dropped)
    }

    private static func item(
        _ bytes: UnsafeRawBufferPointer, _ counters: inout Counters
    ) -> Item {
        do throws(ProtobufError) {
            let envelope = try BaseMessage(bytes)
            counters.messages += 1
            guard let method = WebcastMethod(envelope.method) else {
                counters.countUnknown(envelope.method)
                return .unknown(method: envelope.method, body: envelope.payload)
            }
            var message = try WebcastMessage(method, envelope.payload)
            if message.messageID == 0 { message.messageID = envelope.messageID }
            return .message(message, isHistory: envelope.isHistory)
        } catch {
            counters.badMessages += 1
            return .bad(error)
        }
    }
}
