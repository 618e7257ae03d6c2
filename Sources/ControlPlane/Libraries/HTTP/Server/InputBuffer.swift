/// Received bytes that are not consumed yet. Consuming moves a mark; nothing is copied for each
/// of many pipelined requests.
struct InputBuffer {
    private var bytes: [UInt8] = []
    private var start = 0

    init() {}

    init(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) { self.bytes = Array(bytes) }

    var count: Int { bytes.count - start }
    var isEmpty: Bool { start == bytes.count }

    mutating func append(_ more: UnsafeBufferPointer<UInt8>) {
        if start > 0 {
            bytes.removeFirst(start)
            start = 0
        }
        bytes.append(contentsOf: more)
    }

    mutating func consume(_ count: Int) {
        start += count
        if start == bytes.count {
            bytes = []
            start = 0
        }
    }

    func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        bytes.withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[start...])) }
    }
}
