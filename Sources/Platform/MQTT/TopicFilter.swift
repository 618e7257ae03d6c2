/// Topic filters with `+` and `#` (MQTT 3.1.1 §4.7).
package enum TopicFilter {
    /// Whether `topic` matches `filter`. Filters whose first level is a wildcard do not match
    /// topics that begin with `$`.
    package static func matches(_ topic: String, filter: String) -> Bool {
        if topic.hasPrefix("$") && !filter.hasPrefix("$") { return false }
        let topics = topic.utf8.split(
            separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let filters = filter.utf8.split(
            separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        for (index, wanted) in filters.enumerated() {
            if wanted.elementsEqual("#".utf8) { return true }
            guard index < topics.count,
                wanted.elementsEqual("+".utf8) || wanted.elementsEqual(topics[index])
            else { return false }
        }
        return topics.count == filters.count
    }
}
