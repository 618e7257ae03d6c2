internal import Glibc

/// The descriptors that this process has open.
package enum OpenDescriptor {
    /// A copy of the one that is open on a path, as a child has it between fork and exec; nil if
    /// there is none.
    package static func copy(of path: String) -> Int32? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        let wanted = Array(String(cString: real).utf8)
        var buffer = [CChar](repeating: 0, count: 4096)
        for descriptor in 3..<1024 as Range<Int32> {
            let size = readlink("/proc/self/fd/\(descriptor)", &buffer, buffer.count)
            let target = buffer.prefix(max(0, size)).map { UInt8(bitPattern: $0) }
            if target == wanted { return dup(descriptor) }
        }
        return nil
    }
}
