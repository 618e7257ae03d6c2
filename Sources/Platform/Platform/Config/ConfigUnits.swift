/// Times and sizes as people write them.
enum ConfigUnits {
    private static let times: [(unit: String, milliseconds: Int64)] = [
        ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]
    private static let sizes: [(unit: String, bytes: Int)] = [
        ("", 1), ("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30),
    ]

    static func duration(_ text: String) -> Duration? {
        guard let (number, unit) = split(text),
            let found = times.first(where: { $0.unit == unit })
        else { return nil }
        let (product, overflow) = Int64(number).multipliedReportingOverflow(by: found.milliseconds)
        return overflow ? nil : .milliseconds(product)
    }

    static func size(_ text: String) -> Int? {
        guard let (number, unit) = split(text),
            let found = sizes.first(where: { $0.unit == unit })
        else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: found.bytes)
        return overflow ? nil : product
    }

    static func text(_ duration: Duration) -> String {
        let milliseconds = duration.millisecondsClamped
        let fitting = times.last { milliseconds != 0 && milliseconds % $0.milliseconds == 0 }
        let (unit, size) = fitting ?? times[1]
        return "\(milliseconds / size)\(unit)"
    }

    static func text(_ size: Int) -> String {
        let fitting = sizes.last { size != 0 && size % $0.bytes == 0 && $0.unit != "B" }
        let (unit, bytes) = fitting ?? sizes[0]
        return "\(size / bytes)\(unit)"
    }

    /// Digits, then a unit, perhaps with a space between.
    private static func split(_ text: String) -> (Int, String)? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int(digits) else { return nil }
        return (number, ConfigText.trim(text.dropFirst(digits.count)))
    }
}
