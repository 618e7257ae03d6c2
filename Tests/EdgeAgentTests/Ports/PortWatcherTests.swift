import Foundation
import Glibc
import Platform
import Synchronization
import TestSupport
import Testing

@testable import Hardware

@Suite("Port watcher")
struct PortWatcherTests {
    private func event(_ mask: Int, _ name: String, filled length: Int? = nil) -> [UInt8] {
        let text = Array(name.utf8)
        let length = length ?? (text.count + 1)
        var bytes: [UInt8] = []
        for word in [1, UInt32(truncatingIfNeeded: mask), 0, UInt32(length)] {
            bytes += withUnsafeBytes(of: word) { Array($0) }
        }
        return bytes + text + [UInt8](repeating: 0, count: max(0, length - text.count))
    }

    @Test("events of inotify are read, and cut ones are dropped")
    func events() {
        let bytes =
            event(Int(IN_CREATE), "ttyACM0", filled: 16) + event(Int(IN_ATTRIB), "a")
            + event(Int(IN_DELETE), "ttyUSB1") + event(Int(IN_Q_OVERFLOW), "", filled: 0)
        let all: [DeviceFolderWatch.Finding] = [
            .came("ttyACM0"), .came("a"), .left("ttyUSB1"), .unsure,
        ]
        #expect(DeviceFolderWatch.findings(in: bytes) == all)
        for count in 0..<bytes.count {
            let found = DeviceFolderWatch.findings(in: bytes.prefix(count))
            #expect(found == Array(all.prefix(found.count)) && found.count < all.count)
        }
        var random = SeededGenerator(seed: 5)
        for _ in 0..<2000 {
            let noise = (0..<Int.random(in: 0...64, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            #expect(DeviceFolderWatch.findings(in: noise).count <= 4)
        }
    }

    @Test("without udev the folder of devices is watched, and only serial ports are told of")
    func files() async throws {
        let folder = try TestProcess.makeFolder("devices")
        let loop = try EventLoop.start(name: "watch-test")
        let (changes, tell) = AsyncStream<PortWatcher.Change>.makeStream()
        let holder = Holder()
        let way = await withCheckedContinuation { done in
            loop.submit {
                let watcher = PortWatcher(.files, deviceFolder: folder, loop: loop) {
                    tell.yield($0)
                }
                watcher.start()
                holder.watcher = watcher
                done.resume(returning: watcher.way)
            }
        }
        #expect(way == .files)
        for name in ["random", "ttyS0", "ttyUSB4"] {
            #expect(FileManager.default.createFile(atPath: "\(folder)/\(name)", contents: nil))
        }
        chmod("\(folder)/ttyUSB4", 0o600)
        unlink("\(folder)/ttyUSB4")
        var seen: [PortWatcher.Change] = []
        for await change in changes {
            seen.append(change)
            if case .left = change { break }
        }
        #expect(Set(seen) == [.came(path: "\(folder)/ttyUSB4"), .left(path: "\(folder)/ttyUSB4")])
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            loop.submit {
                holder.watcher?.end()
                holder.watcher = nil
                done.resume()
            }
        }
        loop.stop()
    }

    @Test("a folder that cannot be watched leaves the regular look, and says so")
    func scanning() async throws {
        let loop = try EventLoop.start(name: "watch-test")
        let (way, trouble) = await withCheckedContinuation { done in
            loop.submit {
                let watcher = PortWatcher(.files, deviceFolder: "/nowhere", loop: loop) { _ in }
                watcher.start()
                done.resume(returning: (watcher.way, watcher.trouble))
            }
        }
        #expect(way == .scanning && trouble.contains("/nowhere"))
        loop.stop()
    }

    private final class Holder: @unchecked Sendable {
        // Safe: used on the loop alone.
        var watcher: PortWatcher?
    }
}
