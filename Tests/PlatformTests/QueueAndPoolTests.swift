import Glibc
import Platform
import TestSupport
import Testing

@Suite("Bounded queue")
struct BoundedQueueTests {
    @Test("first in, first out, and a full queue refuses")
    func refuse() {
        var queue = BoundedQueue<Int>(limit: 3, policy: .refuse)
        for number in 1...3 { #expect(queue.append(number) == .accepted) }
        #expect(queue.append(4) == .refused)
        #expect(queue.lostCount == 1)
        #expect(queue.drain() == [1, 2, 3])
        #expect(queue.popFirst() == nil)
        #expect(queue.append(5) == .accepted)
    }

    @Test("the oldest makes room")
    func dropOldest() {
        var queue = BoundedQueue<Int>(limit: 2, policy: .dropOldest)
        queue.append(1)
        queue.append(2)
        #expect(queue.append(3) == .replaced(1))
        #expect(queue.first == 2)
        #expect(queue.drain() == [2, 3])
    }

    @Test("it behaves as an array would, whatever is done to it")
    func model() {
        withSeeds(200) { generator in
            let limit = Int.random(in: 1...20, using: &generator)
            let policy: BoundedQueue<Int>.Policy =
                Bool.random(using: &generator) ? .refuse : .dropOldest
            var queue = BoundedQueue<Int>(limit: limit, policy: policy)
            var model: [Int] = []
            for step in 0..<300 {
                switch Int.random(in: 0..<8, using: &generator) {
                case 0..<4:
                    queue.append(step)
                    if model.count < limit {
                        model.append(step)
                    } else if policy == .dropOldest {
                        model.removeFirst()
                        model.append(step)
                    }
                case 4..<7:
                    #expect(queue.popFirst() == (model.isEmpty ? nil : model.removeFirst()))
                default:
                    let third = Int.random(in: 0..<3, using: &generator)
                    let removed = queue.removeAll { $0 % 3 == third }
                    #expect(removed == model.filter { $0 % 3 == third })
                    model.removeAll { $0 % 3 == third }
                }
                #expect(queue.count == model.count, "seed \(generator.seed)")
                #expect(queue.first == model.first, "seed \(generator.seed)")
            }
            #expect(queue.drain() == model, "seed \(generator.seed)")
        }
    }
}

@Suite("Blocking pool")
struct BlockingPoolTests {
    private struct Failure: Error, Equatable {}

    @Test("values and errors come back")
    func values() async throws {
        let pool = try BlockingPool(name: "pool", threads: 2, waitingMax: 8)
        #expect(try await pool.run { 41 + 1 } == 42)
        await #expect(throws: Failure.self) { try await pool.run { throw Failure() } }
    }

    @Test("a call that waits can be cancelled, one that runs goes on, and a full line refuses")
    func limits() async throws {
        let pool = try BlockingPool(name: "pool", threads: 1, waitingMax: 2)
        let gate = Gate()
        let started = Gate()
        let running = Task {
            try await pool.run {
                started.open()
                gate.wait()
                return 1
            }
        }
        await eventually { started.isOpen }
        let waiting = (2...3).map { number in Task { try await pool.run { number } } }
        await eventually { pool.waitingCount == 2 }
        await #expect(throws: BlockingPool.Problem.full(waiting: 2)) { try await pool.run { 4 } }
        waiting[0].cancel()
        await #expect(throws: CancellationError.self) { try await waiting[0].value }
        #expect(pool.waitingCount == 1)
        running.cancel()
        gate.open()
        #expect(try await running.value == 1)
        #expect(try await waiting[1].value == 3)
    }

    @Test("a call by a task that is cancelled already never runs or runs once, and always ends")
    func cancelledBefore() async throws {
        let pool = try BlockingPool(name: "pool", threads: 2, waitingMax: 100)
        let runs = SharedCount()
        for _ in 0..<500 {
            let task = Task { try await pool.run { runs.add() } }
            task.cancel()
            _ = await task.result
        }
        #expect(runs.value <= 500)
        #expect(pool.waitingCount == 0)
    }

    @Test("what is submitted runs without anybody waiting, and is refused by a full line")
    func submission() async throws {
        let pool = try BlockingPool(name: "pool", threads: 1, waitingMax: 1)
        let (gate, started, runs) = (Gate(), Gate(), SharedCount())
        try pool.submit {
            started.open()
            gate.wait()
            runs.add()
        }
        await eventually { started.isOpen }
        try pool.submit { runs.add() }
        #expect(throws: BlockingPool.Problem.full(waiting: 1)) { try pool.submit { runs.add() } }
        gate.open()
        await eventually { runs.value == 2 }
    }

    @Test("its threads end with it")
    func threadsEnd() async throws {
        do {
            let pool = try BlockingPool(name: "shortlived", threads: 3, waitingMax: 8)
            // Each takes its name as it begins.
            await eventually("the threads begin") { threadCount(named: "shortlived") == 3 }
            try await pool.run {}
        }
        await eventually("the threads end") { threadCount(named: "shortlived") == 0 }
    }
}

@Suite("Folder lock")
struct FolderLockTests {
    @Test("one holds a folder until it lets go, and a folder that is not there is told")
    func lock() throws {
        let folder = try TemporaryFolder()
        let lock = try #require(try FolderLock.take(folder.path))
        #expect(try FolderLock.take(folder.path) == nil)
        lock.release()
        #expect(try FolderLock.take(folder.path) != nil)
        #expect(throws: LinuxError.self) { try FolderLock.take(folder.file("none")) }
    }

    @Test("it is free at once, also while a child between fork and exec has a copy")
    func freeBesideAFork() throws {
        let folder = try TemporaryFolder()
        let lock = try #require(try FolderLock.take(folder.path))
        let copy = try #require(OpenDescriptor.copy(of: folder.file("lock")))
        defer { close(copy) }
        lock.release()
        #expect(try FolderLock.take(folder.path) != nil)
    }
}

@Suite("Folder")
struct FolderTests {
    @Test("missing folders are made with their modes, and one that is there gets its own")
    func make() throws {
        let root = try TemporaryFolder()
        func mode(_ name: String) -> UInt32 {
            var found = stat()
            return stat(root.file(name), &found) == 0 ? found.st_mode & 0o777 : 0
        }
        try Folder.make(root.file("a/b"), mode: 0o711)
        #expect(mode("a") == 0o755 && mode("a/b") == 0o711)
        try Folder.make(root.file("c/d"), mode: 0o700, isPrivate: true)
        #expect(mode("c") == 0o700 && mode("c/d") == 0o700)
        try Folder.make(root.file("a"), mode: 0o750)
        #expect(mode("a") == 0o750)
        try root.write("", to: "file")
        #expect(throws: LinuxError.self) { try Folder.make(root.file("file/x"), mode: 0o700) }
    }

    @Test("a relative folder is made in the working directory")
    func relative() throws {
        let root = try TemporaryFolder()
        let up = String(repeating: "../", count: Folder.absolute("").split(separator: "/").count)
        try Folder.make(up + root.file("x").dropFirst(), mode: 0o700)
        #expect(access(root.file("x"), F_OK) == 0)
        #expect(Folder.absolute("/a") == "/a" && Folder.absolute("a").hasSuffix("/a"))
    }
}
