/// Finds what somebody meant who mistyped a name.
package enum NearestName {
    /// Longer words get no suggestion; the work grows with the square.
    static let lengthMax = 100
    /// Letters that may be wrong, missing, too many or swapped: one in three, at most this many.
    static let mistakesMax = 3

    /// The name that differs least from `word`, or the only one that it begins; nil if none is
    /// near.
    package static func find(_ word: String, among names: [String]) -> String? {
        let typed = Array(word.lowercased())
        guard !typed.isEmpty, typed.count <= lengthMax else { return nil }
        let letters = typed.drop { $0 == "-" }
        let begun = names.filter { $0.drop { $0 == "-" }.starts(with: letters) }
        if !letters.isEmpty, begun.count == 1 { return begun[0] }
        let near = names.map { name in (name, distance(typed, Array(name))) }
            .filter { $0.1 <= min(mistakesMax, letters.count / 3) }
        return near.min { $0.1 < $1.1 }?.0
    }

    /// `; did you mean name?`, or nothing.
    static func hint(of word: String, among names: [String]) -> String {
        find(word, among: names).map { "; did you mean \($0)?" } ?? ""
    }

    /// Edits that make one of the other, a swap of neighbours counting once (the optimal string
    /// alignment of Damerau and Levenshtein).
    static func distance(_ one: [Character], _ other: [Character]) -> Int {
        var earlier: [Int] = []
        var row = Array(0...other.count)
        for (at, letter) in one.enumerated() {
            var next = [at + 1]
            for (column, candidate) in other.enumerated() {
                var least = min(
                    next[column] + 1, row[column + 1] + 1,
                    row[column] + (letter == candidate ? 0 : 1))
                if at > 0, column > 0, letter == other[column - 1], candidate == one[at - 1] {
                    least = min(least, earlier[column - 1] + 1)
                }
                next.append(least)
            }
            (earlier, row) = (row, next)
        }
        return row[other.count]
    }
}
