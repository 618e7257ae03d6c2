/// Identifiers as decimal text. Every message makes two of them, and the general conversion of
/// the standard library takes three times as long.
enum DecimalText {
    static func make(_ value: UInt64) -> String {
        String(unsafeUninitializedCapacity: 20) { buffer in
            var rest = value
            var size = 1
            while rest >= 10 {
                rest /= 10
                size += 1
            }
            rest = value
            for position in stride(from: size - 1, through: 0, by: -1) {
                let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
                buffer[position] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: digit)
                rest = quotient
            }
            return size
        }
    }

    static func make(_ value: Int64) -> String {
        value < 0 ? "-" + make(value.magnitude) : make(UInt64(value))
    }
}
