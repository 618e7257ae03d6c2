internal import CSodium

/// Bytes that are overwritten when the last user lets go, and that no log shows.
final class SecretBytes: Sendable {
    // Safe: written in `init` alone, read only afterwards.
    nonisolated(unsafe) private let pointer: UnsafeMutablePointer<UInt8>
    let count: Int

    /// - Parameter fill: writes all `count` bytes.
    init(count: Int, fill: (UnsafeMutablePointer<UInt8>) -> Void) {
        self.count = count
        pointer = .allocate(capacity: Swift.max(count, 1))
        pointer.initialize(repeating: 0, count: Swift.max(count, 1))
        fill(pointer)
    }

    deinit {
        cue_erase(pointer, count)
        pointer.deallocate()
    }

    func withPointer<Result>(_ body: (UnsafePointer<UInt8>) -> Result) -> Result {
        body(UnsafePointer(pointer))
    }
}
