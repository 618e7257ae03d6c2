internal import CWeb
internal import HTTP

/// The console's pages, as they are part of the program.
enum ConsolePages {
    private static let files = EmbeddedFiles(
        (0..<cue_page_count()).map { index in
            let page = cue_page(index)
            return (
                path: String(cString: page.path),
                bytes: [UInt8](UnsafeBufferPointer(start: page.bytes, count: page.size))
            )
        })

    @Sendable static func respond(to request: Request) async -> Response? {
        files.respond(to: request)
    }
}
