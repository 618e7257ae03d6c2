/// The conditional fields of a request for a file (RFC 9110 §13), in the order of §13.2.2.
enum Conditions {
    enum Verdict { case proceed, notModified, failed }

    /// - Parameters:
    ///   - etag: with its quotes.
    ///   - modifiedSeconds: Unix seconds; nil if there is no such date.
    static func check(_ request: Request, etag: String, modifiedSeconds: Int64?) -> Verdict {
        if let wanted = request.header("if-match") {
            guard matches(wanted, etag) else { return .failed }
        } else if let since = request.header("if-unmodified-since").flatMap(HTTPDate.unixSeconds),
            let modifiedSeconds, modifiedSeconds > since
        {
            return .failed
        }
        if let known = request.header("if-none-match") {
            return matches(known, etag) ? .notModified : .proceed
        }
        if let since = request.header("if-modified-since").flatMap(HTTPDate.unixSeconds),
            let modifiedSeconds, modifiedSeconds <= since
        {
            return .notModified
        }
        return .proceed
    }

    /// Whether a Range field counts: If-Range must name this very version.
    static func allowsRange(_ request: Request, etag: String, modifiedSeconds: Int64?) -> Bool {
        guard let wanted = request.header("if-range") else { return true }
        if wanted.hasPrefix("\"") { return wanted == etag }
        guard let modifiedSeconds else { return false }
        return HTTPDate.unixSeconds(wanted) == modifiedSeconds
    }

    private static func matches(_ list: String, _ etag: String) -> Bool {
        list.split(separator: ",").contains { item in
            let tag = item.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()
            let text = String(tag)
            return text == "*" || text == etag || text == "W/\(etag)"
        }
    }
}
