import CLinux
import Glibc
import Platform

/// The server programs of PostgreSQL, and a fresh cluster that is made once and then copied.
struct PostgresPrograms: Sendable {
    private let folder: String

    /// The server refuses to run as root; it then gets the rights of `nobody`.
    static let user: UInt32? = getuid() == 0 ? 65534 : nil

    /// Where clusters live. In memory a new database takes a fifth of the time, if there is room
    /// for some hundreds of them.
    static let parent: String = {
        let memory = "/dev/shm"
        var status = statvfs()
        guard access(memory, W_OK) == 0, statvfs(memory, &status) == 0,
            UInt64(status.f_bavail) * UInt64(status.f_frsize) >= 4 << 30
        else { return "/tmp" }
        return memory
    }()

    func path(_ program: String) -> String { "\(folder)/\(program)" }

    /// Debian keeps them by version outside PATH; others have them there.
    static func find() throws -> PostgresPrograms {
        let root = "/usr/lib/postgresql"
        let versions = names(in: root).compactMap { Int($0) }.sorted(by: >)
        let path = getenv("PATH").map { String(cString: $0) } ?? ""
        let folders =
            versions.map { "\(root)/\($0)/bin" } + path.split(separator: ":").map(String.init)
        for folder in folders
        where access("\(folder)/initdb", X_OK) == 0 && access("\(folder)/postgres", X_OK) == 0 {
            return PostgresPrograms(folder: folder)
        }
        throw TestPostgres.Problem.missing
    }

    private static func names(in folder: String) -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(
                withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                })
        }
        return names
    }

    private static let settings = """
        listen_addresses = ''
        fsync = off
        synchronous_commit = off
        full_page_writes = off
        max_connections = 400
        shared_buffers = 64MB
        dynamic_shared_memory_type = mmap
        autovacuum = off
        max_wal_size = 2GB
        deadlock_timeout = 100ms
        log_min_messages = fatal
        log_checkpoints = off
        timezone = UTC

        """

    /// The folder of a cluster that was initialised and never started; made if there is none for
    /// this version, user and settings.
    func cluster() async throws -> String {
        let version = folder.utf8.reduce(
            Self.settings.utf8.reduce(5381 as UInt64, Self.mix), Self.mix)
        let base = "\(Self.parent)/cuelight-cluster-\(getuid())-\(String(version, radix: 36))"
        if try Self.isOurs(base) { return base + "/data" }
        let fresh = try TestProcess.makeFolder("initdb", under: Self.parent)
        if let user = Self.user { chown(fresh, user, user) }
        chmod(fresh, 0o700)
        try await run(
            [
                path("initdb"), "-D", fresh + "/data", "-U", "postgres", "--auth=trust",
                "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions",
            ], output: fresh + "/log")
        let file = open(fresh + "/data/postgresql.conf", O_WRONLY | O_APPEND | O_CLOEXEC)
        defer { close(file) }
        let text = Array(Self.settings.utf8)
        guard write(file, text, text.count) == text.count else {
            throw LinuxError.current("write postgresql.conf")
        }
        // Whoever comes second finds the first one's and uses that.
        if rename(fresh, base) != 0 { try await run(["/bin/rm", "-rf", fresh], output: fresh) }
        return base + "/data"
    }

    /// Whether the folder is there. The temporary folder is everybody's, so its owner counts.
    private static func isOurs(_ folder: String) throws -> Bool {
        var status = stat()
        guard lstat(folder, &status) == 0 else { return false }
        guard status.st_uid == user ?? getuid(), status.st_mode & S_IFMT == S_IFDIR else {
            throw TestPostgres.Problem.failed(program: folder, output: "belongs to another user")
        }
        return true
    }

    private static func mix(_ hash: UInt64, _ byte: UInt8) -> UInt64 { hash &* 33 &+ UInt64(byte) }

    private static let waiters = Result {
        try BlockingPool(name: "test-programs", threads: 2, waitingMax: 100)
    }

    /// Runs a program as the server's user to its end.
    func run(_ arguments: [String], output: String) async throws {
        let succeeds = try await Self.waiters.get().run {
            try TestProcess.spawn(arguments, output: output).succeeds()
        }
        guard succeeds else {
            throw TestPostgres.Problem.failed(
                program: arguments[0], output: TestProcess.text(output))
        }
    }
}
