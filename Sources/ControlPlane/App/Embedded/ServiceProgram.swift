internal import Glibc
internal import Platform

/// Where Debian keeps the programs of the services, and which user runs them.
enum ServiceProgram {
    enum Problem: Error, CustomStringConvertible {
        case missing(program: String, package: String)
        case noUser
        case unreachable(folder: String)
        case pathTooLong(path: String)

        var description: String {
            switch self {
            case .missing(let program, let package):
                "\(program) is missing: install the package \(package)"
            case .noUser: "there is no unprivileged user to run the services as"
            case .unreachable(let folder):
                "\(folder) cannot be entered by the user that runs the services: "
                    + "choose a data folder whose parents others may enter"
            case .pathTooLong(let path):
                "\(path) is too long for a unix socket: choose a shorter data folder"
            }
        }
    }

    /// PostgreSQL's programs of the newest version from 15 on.
    static func postgres(_ name: String) throws -> String {
        for version in stride(from: 30, through: 15, by: -1) {
            let path = "/usr/lib/postgresql/\(version)/bin/\(name)"
            if access(path, X_OK) == 0 { return path }
        }
        throw Problem.missing(program: name, package: "postgresql-15")
    }

    static func mosquitto() throws -> String {
        for path in ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"]
        where access(path, X_OK) == 0 { return path }
        throw Problem.missing(program: "mosquitto", package: "mosquitto")
    }

    /// The user that services run as: nil (this process's own) unless it is root; then
    /// `postgres` or `nobody`, since PostgreSQL refuses root and neither should have its rights.
    static func user() throws -> ChildProcess.User? {
        guard getuid() == 0 else { return nil }
        for name in ["postgres", "nobody"] {
            if let entry = getpwnam(name), entry.pointee.pw_uid != 0 {
                return ChildProcess.User(
                    userID: entry.pointee.pw_uid, groupID: entry.pointee.pw_gid)
            }
        }
        throw Problem.noUser
    }

    /// The name of the user that services run as.
    static func userName(_ user: ChildProcess.User?) -> String {
        guard let entry = getpwuid(user?.userID ?? getuid()), let name = entry.pointee.pw_name
        else { return "\(user?.userID ?? getuid())" }
        return String(cString: name)
    }

    /// Makes a folder for a service, with all above it, and gives it to the service's user.
    static func makeFolder(_ path: String, for user: ChildProcess.User?, mode: UInt32) throws {
        try Folder.make(path, mode: mode)
        if let user, chown(path, user.userID, user.groupID) != 0 {
            throw LinuxError.current("change the owner of \(path)")
        }
        if user != nil { try checkReachable(path) }
    }

    /// Every folder above must let others pass.
    private static func checkReachable(_ path: String) throws {
        var partial = ""
        for part in path.split(separator: "/").dropLast() {
            partial += "/\(part)"
            var status = stat()
            guard stat(partial, &status) == 0, status.st_mode & S_IXOTH != 0 else {
                throw Problem.unreachable(folder: partial)
            }
        }
    }

    /// The path of a socket in `folder`, if the kernel can take it (107 bytes; unix(7)).
    static func socketPath(_ folder: String, _ name: String) throws -> String {
        let path = "\(folder)/\(name)"
        guard path.utf8.count <= 107 else { throw Problem.pathTooLong(path: path) }
        return path
    }
}
