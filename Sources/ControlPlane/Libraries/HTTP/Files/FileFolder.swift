internal import CLinux
internal import Glibc
internal import Platform

/// Serves the regular files below one folder. A path can leave it neither by `..` nor through a
/// symbolic link: the kernel resolves it beneath the folder (openat2, RESOLVE_BENEATH and
/// RESOLVE_NO_SYMLINKS).
package final class FileFolder: Sendable {
    private let folder: Int32
    private let disk: BlockingPool

    /// - Parameter path: must exist for as long as this lives.
    package init(path: String) throws {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw LinuxError.current("open \(path)") }
        folder = descriptor
        do {
            disk = try BlockingPool(name: "http-open", threads: 1, waitingMax: 256)
        } catch {
            close(descriptor)
            throw error
        }
    }

    deinit { close(folder) }

    /// The answer for one file: 200, 206, 304, 412 or 416 with ETag and Last-Modified; throws
    /// `HTTPError` 404 if there is no such regular file.
    /// - Parameters:
    ///   - path: relative, slashes between names; for example a `rest` path parameter.
    ///   - type: the media type; by default from the name.
    package func respond(
        to request: Request, path: String, type: String? = nil,
        cacheControl: String = "no-cache"
    ) async throws -> Response {
        guard Self.isSafe(path) else { throw HTTPError.notFound }
        let folder = folder
        let opened = try await disk.run { try OpenedFile(folder: folder, path: path) }
        let etag = opened.etag
        var response = try answer(request, opened, type: type ?? MediaType.of(path))
        response.add("ETag", etag)
        response.add("Last-Modified", HTTPDate.text(unixSeconds: opened.modifiedSeconds))
        response.add("Cache-Control", cacheControl)
        response.add("X-Content-Type-Options", "nosniff")
        return response
    }

    private func answer(
        _ request: Request, _ file: OpenedFile, type: String
    ) throws -> Response {
        let modified = file.modifiedSeconds
        switch Conditions.check(request, etag: file.etag, modifiedSeconds: modified) {
        case .failed: return .empty(.preconditionFailed)
        case .notModified: return .empty(.notModified)
        case .proceed: break
        }
        let mayCut = Conditions.allowsRange(request, etag: file.etag, modifiedSeconds: modified)
        switch mayCut ? ByteRange.parse(request.header("range"), size: file.size) : .whole {
        case .whole:
            return Response(
                status: .ok, headers: [("Content-Type", type), ("Accept-Ranges", "bytes")],
                content: .file(file.content(0..<file.size)))
        case .part(let range):
            let shown = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(file.size)"
            return Response(
                status: .partialContent,
                headers: [("Content-Type", type), ("Content-Range", shown)],
                content: .file(file.content(range)))
        case .unsatisfiable:
            return Response.empty(.rangeNotSatisfiable).with(
                "Content-Range", "bytes */\(file.size)")
        }
    }

    /// A first look; the kernel has the last word.
    static func isSafe(_ path: String) -> Bool {
        guard !path.isEmpty, path.utf8.count <= 1024, !path.utf8.contains(0) else { return false }
        return path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
            !$0.isEmpty && $0 != "." && $0 != ".."
        }
    }
}

/// An open regular file and what was true of it when it was opened.
private final class OpenedFile: Sendable {
    private let descriptor: Int32
    let size: Int
    let modifiedSeconds: Int64
    let etag: String

    init(folder: Int32, path: String) throws {
        let descriptor = cue_open_beneath(folder, path)
        guard descriptor >= 0 else {
            switch -descriptor {
            case ENOENT, ENOTDIR, ELOOP, EXDEV, EISDIR, ENAMETOOLONG, EACCES:
                throw HTTPError.notFound
            default: throw LinuxError("open \(path)", code: -descriptor)
            }
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw HTTPError.notFound
        }
        self.descriptor = descriptor
        size = Int(status.st_size)
        modifiedSeconds = Int64(status.st_mtim.tv_sec)
        let marks = [Int(status.st_ino), status.st_mtim.tv_sec, status.st_mtim.tv_nsec, size]
        etag = "\"" + marks.map { String($0, radix: 36) }.joined(separator: "-") + "\""
    }

    deinit { close(descriptor) }

    func content(_ range: Range<Int>) -> FileContent {
        FileContent(descriptor: fcntl(descriptor, F_DUPFD_CLOEXEC, 0), range: range)
    }
}
