import Foundation
import Glibc
import TestSupport
import Testing

@testable import Hardware

/// A made-up list of terminals: an Uno and a CH340 behind USB, and a UART of the machine.
private struct Terminals {
    let folder: String
    var classFolder: String { folder + "/class" }
    var deviceFolder: String { folder + "/dev" }

    init() throws {
        folder = try TestProcess.makeFolder("terminals")
        try make("usb/1-1/port/tty/ttyACM0")
        try write("usb/1-1", "2341", "0043", "Uno\u{1B}[2J\u{202E}")
        try make("usb/1-2/port/serial/tty/ttyUSB0")
        try write("usb/1-2", "1A86", "7523", nil)
        try make("uart/tty/ttyS0")
        try make("class")
        try make("dev")
        let links = [
            ("ttyACM0", "usb/1-1/port/tty/ttyACM0", "usb/1-1/port"),
            ("ttyUSB0", "usb/1-2/port/serial/tty/ttyUSB0", "usb/1-2/port/serial"),
            ("ttyS0", "uart/tty/ttyS0", "uart"),
        ]
        let files = FileManager.default
        for (name, place, device) in links {
            try files.createSymbolicLink(
                atPath: "\(classFolder)/\(name)", withDestinationPath: "\(folder)/\(place)")
            try files.createSymbolicLink(
                atPath: "\(folder)/\(place)/device", withDestinationPath: "\(folder)/\(device)")
            #expect(files.createFile(atPath: "\(deviceFolder)/\(name)", contents: nil))
        }
    }

    private func make(_ path: String) throws {
        try FileManager.default.createDirectory(
            atPath: "\(folder)/\(path)", withIntermediateDirectories: true)
    }

    private func write(_ path: String, _ vendor: String, _ product: String, _ name: String?) throws
    {
        let texts = [("idVendor", vendor), ("idProduct", product), ("product", name)]
        for (file, text) in texts {
            try text.map { "\($0)\n" }?.write(
                toFile: "\(folder)/\(path)/\(file)", atomically: false, encoding: .utf8)
        }
    }

    func scanner(_ configured: [String] = [], _ filter: PortFilter = PortFilter()) -> PortScanner {
        PortScanner(
            configured: configured, findsUSB: true, filter: filter, classFolder: classFolder,
            deviceFolder: deviceFolder)
    }
}

@Suite("Port scanner")
struct PortScannerTests {
    @Test("USB ports are found, each once, with what their device says of itself")
    func found() throws {
        let terminals = try Terminals()
        let scanner = terminals.scanner()
        let paths = ["ttyACM0", "ttyUSB0"].map { "\(terminals.deviceFolder)/\($0)" }
        #expect(scanner.scan() == paths)
        let uno = try #require(scanner.usb(of: paths[0]))
        #expect(uno.numbers == "2341:0043")
        #expect(uno.words == "2341:0043 Uno[2J")
        #expect(scanner.usb(of: paths[1])?.words == "1A86:7523")
        #expect(scanner.usb(of: "\(terminals.deviceFolder)/ttyS0") == nil)
        #expect(scanner.usb(of: "/nowhere") == nil)
        // A configured link to it is the same port.
        let link = terminals.folder + "/my-board"
        try FileManager.default.createSymbolicLink(
            atPath: link, withDestinationPath: paths[0])
        let both = terminals.scanner([link])
        #expect(both.scan() == [link, paths[1]])
        #expect(both.usb(of: link)?.numbers == "2341:0043")
    }

    @Test("a port without its device file is not there yet")
    func early() throws {
        let terminals = try Terminals()
        unlink("\(terminals.deviceFolder)/ttyACM0")
        #expect(terminals.scanner().scan() == ["\(terminals.deviceFolder)/ttyUSB0"])
    }

    @Test("allowed and denied ports, by path and by USB numbers in either case")
    func filter() throws {
        let terminals = try Terminals()
        let uno = "\(terminals.deviceFolder)/ttyACM0"
        let clone = "\(terminals.deviceFolder)/ttyUSB0"
        func scan(_ allowed: [String], _ denied: [String]) -> [String] {
            terminals.scanner([], PortFilter(allowed: allowed, denied: denied)).scan()
        }
        #expect(scan(["*/ttyACM*"], []) == [uno])
        #expect(scan(["1a86:*"], []) == [clone])
        #expect(scan([], ["2341:0043"]) == [clone])
        #expect(scan(["*"], ["*/ttyUSB?"]) == [uno])
        #expect(scan(["2341:*"], ["2341:*"]).isEmpty)
        let denying = terminals.scanner([uno], PortFilter(denied: ["*"]))
        #expect(denying.scan() == [uno], "a port that is named is meant")
        #expect(denying.denied() == [clone])
    }
}
