/// Bytes that a socket has not taken yet. Blocks are shared, not copied: a broadcast is one block
/// in many queues.
struct OutQueue {
    private var blocks: [[UInt8]] = []
    private var first = 0
    /// How much of the first block is sent already.
    private var offset = 0
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    mutating func append(_ block: [UInt8], from start: Int = 0) {
        guard block.count > start else { return }
        if isEmpty { offset = start }
        // A block of which a part was sent already can only be the first.
        precondition(start == 0 || isEmpty)
        blocks.append(block)
        count += block.count - start
    }

    /// Offers the first block's rest; `body` returns how much was taken, or nil to stop.
    /// - Returns: whether bytes were taken.
    mutating func drain(_ body: (UnsafeRawBufferPointer) -> Int?) -> Bool {
        var hasProgress = false
        while count > 0 {
            let taken = blocks[first].withUnsafeBytes {
                body(UnsafeRawBufferPointer(rebasing: $0[offset...]))
            }
            guard let taken else { break }
            hasProgress = hasProgress || taken > 0
            count -= taken
            offset += taken
            if offset == blocks[first].count { removeFirst() }
        }
        return hasProgress
    }

    /// Forgets whole blocks behind the first (which may be begun, or be a head), oldest first,
    /// until at most `limit` bytes are left. Returns how many blocks went.
    mutating func dropOldest(downTo limit: Int) -> Int {
        var dropped = 0
        let begin = first + 1
        while count > limit, begin < blocks.count {
            count -= blocks[begin].count
            blocks.remove(at: begin)
            dropped += 1
        }
        return dropped
    }

    /// Forgets all but the first block, which may be begun.
    mutating func dropToFirst() {
        _ = dropOldest(downTo: 0)
    }

    mutating func removeAll() {
        blocks.removeAll()
        first = 0
        offset = 0
        count = 0
    }

    private mutating func removeFirst() {
        blocks[first] = []
        first += 1
        offset = 0
        if first == blocks.count {
            blocks.removeAll(keepingCapacity: blocks.count < 16)
            first = 0
        } else if first >= 32, first * 2 > blocks.count {
            blocks.removeFirst(first)
            first = 0
        }
    }
}
