/// The request methods that are served. Others are answered 405 or 501.
package enum Method: String, Sendable, Hashable, CaseIterable, Comparable {
    case get = "GET"
    case head = "HEAD"
    case post = "POST"
    case put = "PUT"
    case patch = "PATCH"
    case delete = "DELETE"
    case options = "OPTIONS"

    /// Methods of RFC 9110 that are known and refused (405); all else is unknown (501).
    static let refused: Set<String> = ["CONNECT", "TRACE"]

    package static func < (left: Method, right: Method) -> Bool { left.rawValue < right.rawValue }
}
