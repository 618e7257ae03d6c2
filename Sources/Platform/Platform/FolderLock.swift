internal import Glibc

/// Keeps a second process out of a folder, by the file `lock` in it. The lock goes with the
/// process, however that ends.
package struct FolderLock: Sendable {
    private let descriptor: Int32

    /// Takes the lock; nil if another holds it. Throws if the folder cannot be written.
    package static func take(_ folder: String) throws(LinuxError) -> FolderLock? {
        let path = "\(folder)/lock"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .current("open \(path)") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let error = LinuxError.current("lock \(path)")
            close(descriptor)
            if error.code == EWOULDBLOCK { return nil }
            throw error
        }
        return FolderLock(descriptor: descriptor)
    }

    /// Lets others take it from now on, also while a child that was just forked still has the
    /// descriptor: a lock of flock(2) goes with the last of its copies, or by a word.
    package func release() {
        _ = flock(descriptor, LOCK_UN)
        close(descriptor)
    }
}
