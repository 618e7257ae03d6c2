import Foundation

/// Writes numbers for people: three or four digits that mean something, thousands apart.
enum BenchNumber {
    static func text(_ value: Double) -> String {
        guard value.isFinite else { return "–" }
        switch abs(value) {
        case 0: return "0"
        case ..<10: return String(format: "%.2f", value)
        case ..<100: return String(format: "%.1f", value)
        default: return grouped(Int64(exactly: value.rounded()) ?? .max)
        }
    }

    static func ratio(_ value: Double) -> String {
        value < 10 ? String(format: "%.2f", value) : text(value)
    }

    private static func grouped(_ number: Int64) -> String {
        var digits = Array(String(number.magnitude))
        var place = digits.count - 3
        while place > 0 {
            digits.insert(",", at: place)
            place -= 3
        }
        return (number < 0 ? "−" : "") + String(digits)
    }
}
