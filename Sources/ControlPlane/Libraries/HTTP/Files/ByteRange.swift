/// The Range field of a request (RFC 9110 §14.1.2). Only one range of bytes is served; several
/// are answered with the whole, which is allowed.
enum ByteRange {
    enum Answer: Equatable {
        case whole
        case part(Range<Int>)
        case unsatisfiable
    }

    static func parse(_ field: String?, size: Int) -> Answer {
        guard let field, field.lowercased().hasPrefix("bytes=") else { return .whole }
        let text = field.dropFirst(6)
        guard !text.contains(",") else { return .whole }
        let sides = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard sides.count == 2 else { return .whole }
        if sides[0].isEmpty {
            guard let count = number(sides[1]) else { return .whole }
            return count == 0 || size == 0
                ? .unsatisfiable : .part(max(0, size - count)..<size)
        }
        guard let first = number(sides[0]) else { return .whole }
        if sides[1].isEmpty { return first < size ? .part(first..<size) : .unsatisfiable }
        guard let last = number(sides[1]), first <= last else { return .whole }
        return first < size ? .part(first..<min(size - 1, last) + 1) : .unsatisfiable
    }

    /// Digits only; what does not fit is as good as endless.
    private static func number(_ text: Substring) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int(text) ?? Int.max
    }
}
