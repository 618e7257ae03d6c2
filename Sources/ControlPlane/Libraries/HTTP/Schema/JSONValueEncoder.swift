/// Lets one value write itself into a sink.
final class JSONValueEncoder: Encoder {
    let sink: JSONSink
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }
    /// The container this value has begun; asked for again it is the same.
    private var container: (depth: Int, id: Int)?

    init(sink: JSONSink, codingPath: [any CodingKey]) {
        self.sink = sink
        self.codingPath = codingPath
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(
            JSONObjectContainer(sink: sink, codingPath: codingPath, place: open(isObject: true)))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        JSONArrayContainer(sink: sink, codingPath: codingPath, place: open(isObject: false))
    }

    func singleValueContainer() -> any SingleValueEncodingContainer {
        JSONSingleContainer(sink: sink, codingPath: codingPath)
    }

    private func open(isObject: Bool) -> (depth: Int, id: Int) {
        if let container { return container }
        let opened = sink.open(isObject: isObject)
        container = opened
        return opened
    }
}

/// The members of an object.
private struct JSONObjectContainer<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let sink: JSONSink
    let codingPath: [any CodingKey]
    let place: (depth: Int, id: Int)

    private func begin(_ key: Key) throws {
        try sink.next(in: place, codingPath: codingPath)
        sink.key(key.stringValue)
    }

    mutating func encodeNil(forKey key: Key) throws {
        try begin(key)
        sink.writeNull()
    }

    mutating func encode(_ value: Bool, forKey key: Key) throws {
        try begin(key)
        sink.write(value)
    }

    mutating func encode(_ value: String, forKey key: Key) throws {
        try begin(key)
        sink.write(value)
    }

    mutating func encode(_ value: Int, forKey key: Key) throws {
        try begin(key)
        sink.write(value)
    }

    mutating func encode(_ value: Int64, forKey key: Key) throws {
        try begin(key)
        sink.write(value)
    }

    mutating func encode(_ value: Double, forKey key: Key) throws {
        try begin(key)
        try sink.write(value, codingPath: codingPath + [key])
    }

    mutating func encode(_ value: some Encodable, forKey key: Key) throws {
        try begin(key)
        try sink.write(value, codingPath: codingPath + [key])
    }

    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy keyType: Nested.Type, forKey key: Key
    ) -> KeyedEncodingContainer<Nested> {
        nestedEncoder(key).container(keyedBy: keyType)
    }

    mutating func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        nestedEncoder(key).unkeyedContainer()
    }

    mutating func superEncoder() -> any Encoder {
        preconditionFailure("classes that encode their superclass apart are not supported")
    }

    mutating func superEncoder(forKey key: Key) -> any Encoder { nestedEncoder(key) }

    /// Where this cannot throw, a container that has ended is a programmer's error.
    private func nestedEncoder(_ key: Key) -> JSONValueEncoder {
        do { try begin(key) } catch { preconditionFailure("\(error)") }
        return JSONValueEncoder(sink: sink, codingPath: codingPath + [key])
    }
}

/// The items of an array.
private struct JSONArrayContainer: UnkeyedEncodingContainer {
    let sink: JSONSink
    let codingPath: [any CodingKey]
    let place: (depth: Int, id: Int)
    private(set) var count = 0

    init(sink: JSONSink, codingPath: [any CodingKey], place: (depth: Int, id: Int)) {
        self.sink = sink
        self.codingPath = codingPath
        self.place = place
    }

    private mutating func begin() throws {
        try sink.next(in: place, codingPath: codingPath)
        count += 1
    }

    mutating func encodeNil() throws {
        try begin()
        sink.writeNull()
    }

    mutating func encode(_ value: some Encodable) throws {
        try begin()
        try sink.write(value, codingPath: codingPath)
    }

    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy keyType: Nested.Type
    ) -> KeyedEncodingContainer<Nested> { nestedEncoder().container(keyedBy: keyType) }

    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        nestedEncoder().unkeyedContainer()
    }

    mutating func superEncoder() -> any Encoder { nestedEncoder() }

    private mutating func nestedEncoder() -> JSONValueEncoder {
        do { try begin() } catch { preconditionFailure("\(error)") }
        return JSONValueEncoder(sink: sink, codingPath: codingPath)
    }
}

/// One bare value.
private struct JSONSingleContainer: SingleValueEncodingContainer {
    let sink: JSONSink
    let codingPath: [any CodingKey]

    mutating func encodeNil() throws { sink.writeNull() }
    mutating func encode(_ value: Bool) throws { sink.write(value) }
    mutating func encode(_ value: String) throws { sink.write(value) }
    mutating func encode(_ value: Double) throws {
        try sink.write(value, codingPath: codingPath)
    }
    mutating func encode(_ value: Float) throws {
        // By its own shortest text: as a Double it would grow digits.
        try sink.write(Double("\(value)") ?? .nan, codingPath: codingPath)
    }
    mutating func encode(_ value: Int) throws { sink.write(value) }
    mutating func encode(_ value: Int8) throws { sink.write(value) }
    mutating func encode(_ value: Int16) throws { sink.write(value) }
    mutating func encode(_ value: Int32) throws { sink.write(value) }
    mutating func encode(_ value: Int64) throws { sink.write(value) }
    mutating func encode(_ value: UInt) throws { sink.write(value) }
    mutating func encode(_ value: UInt8) throws { sink.write(value) }
    mutating func encode(_ value: UInt16) throws { sink.write(value) }
    mutating func encode(_ value: UInt32) throws { sink.write(value) }
    mutating func encode(_ value: UInt64) throws { sink.write(value) }
    mutating func encode(_ value: some Encodable) throws {
        try sink.write(value, codingPath: codingPath)
    }
}
