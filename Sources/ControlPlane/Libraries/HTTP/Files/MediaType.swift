/// The media type of a file by its name's extension.
package enum MediaType {
    private static let types: [String: String] = [
        "html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8",
        "js": "text/javascript; charset=utf-8", "mjs": "text/javascript; charset=utf-8",
        "json": "application/json", "svg": "image/svg+xml", "png": "image/png",
        "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp", "gif": "image/gif",
        "ico": "image/x-icon", "txt": "text/plain; charset=utf-8", "woff2": "font/woff2",
        "mp4": "video/mp4", "m4s": "video/iso.segment", "m3u8": "application/vnd.apple.mpegurl",
        "ts": "video/mp2t", "mp3": "audio/mpeg", "aac": "audio/aac", "wav": "audio/wav",
        "webm": "video/webm", "wasm": "application/wasm", "pdf": "application/pdf",
        "webmanifest": "application/manifest+json", "vtt": "text/vtt; charset=utf-8",
    ]

    /// `application/octet-stream` for what is not known.
    package static func of(_ name: String) -> String {
        guard let dot = name.lastIndex(of: ".") else { return "application/octet-stream" }
        return types[name[name.index(after: dot)...].lowercased()] ?? "application/octet-stream"
    }
}
