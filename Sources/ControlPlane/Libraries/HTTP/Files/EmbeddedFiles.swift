internal import Crypto

/// Pages that are part of the program: path → bytes. Answers GET and HEAD with ETag, 304 and
/// single ranges.
package struct EmbeddedFiles: Sendable {
    private struct File: Sendable {
        let bytes: [UInt8]
        let type: String
        let etag: String
    }

    private let files: [String: File]
    private let headers: SecurityHeaders
    private let cacheControl: String

    /// - Parameters:
    ///   - files: path (`/index.html`) and bytes; `/a/index.html` also answers `/a/`.
    ///   - cacheControl: the default lets browsers keep files and ask each time whether they are
    ///     still right.
    package init(
        _ files: [(path: String, bytes: [UInt8])], headers: SecurityHeaders = SecurityHeaders(),
        cacheControl: String = "no-cache"
    ) {
        var table: [String: File] = [:]
        for (path, bytes) in files {
            let digest = SHA256.hash(bytes).prefix(16)
            let file = File(
                bytes: bytes, type: MediaType.of(path), etag: "\"\(Base64URL.encode(digest))\"")
            table[path] = file
            if path.hasSuffix("/index.html") { table[String(path.dropLast(10))] = file }
        }
        self.files = table
        self.headers = headers
        self.cacheControl = cacheControl
    }

    package var paths: [String] { files.keys.sorted() }

    /// nil if there is no such file.
    package func respond(to request: Request) -> Response? {
        guard let file = files[request.target.path] else { return nil }
        var response = answer(request, file)
        response.add("ETag", file.etag)
        response.add("Cache-Control", cacheControl)
        headers.apply(to: &response)
        response.route = "static"
        return response
    }

    private func answer(_ request: Request, _ file: File) -> Response {
        switch Conditions.check(request, etag: file.etag, modifiedSeconds: nil) {
        case .failed: return .empty(.preconditionFailed)
        case .notModified: return .empty(.notModified)
        case .proceed: break
        }
        let size = file.bytes.count
        let mayCut = Conditions.allowsRange(request, etag: file.etag, modifiedSeconds: nil)
        switch mayCut ? ByteRange.parse(request.header("range"), size: size) : .whole {
        case .whole:
            return Response.bytes(file.bytes, type: file.type).with("Accept-Ranges", "bytes")
        case .part(let range):
            return Response.bytes(
                Array(file.bytes[range]), type: file.type, status: .partialContent
            )
            .with("Content-Range", "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(size)")
        case .unsatisfiable:
            return Response.empty(.rangeNotSatisfiable).with("Content-Range", "bytes */\(size)")
        }
    }
}
