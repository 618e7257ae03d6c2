import FoundationEssentials
import Glibc
import Platform
import Synchronization

/// A one-shot gate at which a thread of the test blocks.
final class Gate: @unchecked Sendable {
    // Safe: a semaphore is made for many threads.
    private let raw = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { sem_init(raw, 0, 0) }

    deinit {
        sem_destroy(raw)
        raw.deallocate()
    }

    func open() { sem_post(raw) }
    func wait() { while sem_wait(raw) != 0 {} }

    var isOpen: Bool {
        var value: Int32 = 0
        sem_getvalue(raw, &value)
        return value > 0
    }
}

/// How many threads of this process bear the name.
func threadCount(named name: String) -> Int {
    let folder = "/proc/self/task"
    let ids = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return ids.count { id in
        let text = (try? SmallFile.read("\(folder)/\(id)/comm", sizeMax: 64)) ?? []
        return String(decoding: text, as: UTF8.self) == name + "\n"
    }
}

/// A number that many tasks count up.
final class SharedCount: Sendable {
    private let number = Mutex(0)
    func add() { number.withLock { $0 += 1 } }
    var value: Int { number.withLock { $0 } }
}
