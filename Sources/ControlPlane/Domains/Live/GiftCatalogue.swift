package import SharedModels

/// The gifts that viewers of our own can send. No money is behind them yet; the numbers and
/// prices of those that TikTok has too are the same, so a rule for one serves both.
package enum GiftCatalogue {
    package static let gifts = [
        Gift(id: 5_655, name: "Rose", coins: 1), Gift(id: 5_269, name: "TikTok", coins: 1),
        Gift(id: 5_487, name: "Finger Heart", coins: 5),
        Gift(id: 5_480, name: "Heart", coins: 10), Gift(id: 5_879, name: "Doughnut", coins: 30),
        Gift(id: 5_482, name: "Shiba Inu", coins: 222),
    ]

    package static func gift(_ id: Int64) -> Gift? { gifts.first { $0.id == id } }
}
