extension Collection<UInt8> {
    /// Lends the bytes as a C pointer and a size. The pointer is never null and holds for the
    /// call alone; what is not contiguous is copied first.
    func withBytePointer<Result, Failure: Error>(
        _ body: (UnsafePointer<UInt8>, Int) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // The standard function rethrows untyped, so the result travels in a value.
        let outcome = withContiguousStorageIfAvailable { bytes in
            Self.lend(bytes, to: body)
        }
        if let outcome { return try outcome.get() }
        return try Array(self).withUnsafeBufferPointer { Self.lend($0, to: body) }.get()
    }

    private static func lend<Result, Failure: Error>(
        _ bytes: UnsafeBufferPointer<UInt8>,
        to body: (UnsafePointer<UInt8>, Int) throws(Failure) -> Result
    ) -> Swift.Result<Result, Failure> {
        do throws(Failure) {
            if let base = bytes.baseAddress { return .success(try body(base, bytes.count)) }
            return .success(
                try withUnsafePointer(to: 0 as UInt8) { pointer throws(Failure) in
                    try body(pointer, 0)
                })
        } catch {
            return .failure(error)
        }
    }
}

/// Makes an array of exactly `count` bytes, written by C.
func filledBytes(_ count: Int, _ body: (UnsafeMutablePointer<UInt8>) -> Void) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, size in
        guard let base = buffer.baseAddress else { return }
        body(base)
        size = count
    }
}
