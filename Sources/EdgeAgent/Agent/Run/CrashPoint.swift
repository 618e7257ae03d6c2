#if DEBUG
    internal import Glibc

    /// Ends this process with SIGKILL at a step that a file names, for the tests that restart it.
    /// There is none in a release build.
    package struct CrashPoint: Sendable {
        private let path: String

        /// Nil unless `CUELIGHT_CRASH_FILE` names a file, which need not be there yet.
        package init?(environment: [String: String]) {
            guard let path = environment["CUELIGHT_CRASH_FILE"], !path.isEmpty else { return nil }
            self.path = path
        }

        /// Dies if the file holds this step's name, and takes the file away, so that it is once.
        package func pass(_ step: JournalStep) {
            let file = open(path, O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { return }
            var bytes = [UInt8](repeating: 0, count: 32)
            let count = read(file, &bytes, bytes.count)
            close(file)
            guard bytes.prefix(max(0, count)).elementsEqual(step.rawValue.utf8) else { return }
            unlink(path)
            kill(getpid(), SIGKILL)
        }
    }
#endif
