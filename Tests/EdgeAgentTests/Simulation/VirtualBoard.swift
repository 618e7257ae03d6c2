import FirmwareCore
import Hardware
import SharedModels

/// The real firmware core in this process, with a clock that the test moves and pins that it
/// watches. Not for use by two threads.
final class VirtualBoard {
    /// One change of an output.
    struct Edge: Equatable {
        let channel: UInt8
        let isOn: Bool
        let milliseconds: Int64
    }

    static let manifestText = """
        {"protocol":1,"board":"virtual","firmware":"0.1.0","build":"89abcdef","rx_window":60,\
        "frame_max":52,"channels":[\
        {"id":0,"name":"relay1","kind":"relay","pin":0,"max_on_ms":10000,"min_pause_ms":20,\
        "safe":0,"delivery":"at_most_once","quiet":false},\
        {"id":1,"name":"relay2","kind":"relay","pin":1,"max_on_ms":10000,"min_pause_ms":20,\
        "safe":0,"delivery":"at_least_once","quiet":false},\
        {"id":2,"name":"servo","kind":"servo","pin":2,"max_on_ms":10000,"min_pause_ms":0,\
        "safe":0,"delivery":"at_most_once","quiet":false,"min_cdeg":0,"max_cdeg":18000,\
        "min_us":500,"max_us":2500},\
        {"id":3,"name":"strip","kind":"strip","pin":3,"max_on_ms":60000,"min_pause_ms":0,\
        "safe":0,"delivery":"at_least_once","quiet":true,"pixels":8}]}
        """
    static let manifest = Array(manifestText.utf8)

    private(set) var edges: [Edge] = []
    private(set) var shows: [[UInt8]] = []
    private(set) var output: [UInt8] = []
    var store = [UInt8](repeating: 0xFF, count: Int(CUE_STORE_SIZE))
    var isHung = false
    private var input: [UInt8] = []
    private var microseconds: Int64 = 0
    private var boots: UInt16 = 0
    private let board = UnsafeMutablePointer<cue_board_t>.allocate(capacity: 1)
    private let device = UnsafeMutablePointer<cue_device_t>.allocate(capacity: 1)
    private let pixels = UnsafeMutablePointer<UInt8>.allocate(capacity: 24)

    /// - Parameter uid: nil leaves the store blank.
    init(uid: BoardUID?) {
        board.initialize(to: cue_board_t())
        device.initialize(to: cue_device_t())
        pixels.initialize(repeating: 0, count: 24)
        describe()
        boot()
        if let uid {
            let request = LinkRequest.identityWrite(uid)
            send(Frame(type: request.type, sequence: 0, payload: request.payload))
            advance(to: 5)
            _ = takeOutput()
        }
    }

    deinit {
        board.deallocate()
        device.deallocate()
        pixels.deallocate()
    }

    /// How often the channel went from off to on.
    func risings(_ channel: UInt8) -> Int {
        edges.filter { $0.channel == channel && $0.isOn }.count
    }

    /// Power off and on: outputs fall, memory is lost, the store stays.
    func boot() {
        boots += 1
        input = []
        output = []
        cue_device_start(device, board, 1, boots)
    }

    func receive(_ bytes: some Sequence<UInt8>) { input += bytes }

    func send(_ frame: Frame) { receive(frame.wire ?? []) }

    func takeOutput() -> [UInt8] {
        defer { output = [] }
        return output
    }

    /// Runs the main loop until then, milliseconds since the first boot.
    func advance(to milliseconds: Int64) {
        let end = milliseconds * 1000
        while microseconds < end {
            guard !isHung else {
                microseconds = end
                return
            }
            let idle = Int64(cue_device_step(device))
            microseconds = min(end, microseconds + max(50, idle))
        }
        if !isHung { cue_device_step(device) }
    }

    private func note(_ channel: UInt8, _ isOn: Bool) {
        let last = edges.last { $0.channel == channel }?.isOn ?? false
        guard last != isOn else { return }
        edges.append(Edge(channel: channel, isOn: isOn, milliseconds: microseconds / 1000))
    }

    private static func of(_ context: UnsafeMutableRawPointer?) -> VirtualBoard {
        Unmanaged<VirtualBoard>.fromOpaque(context!).takeUnretainedValue()
    }

    private func describe() {
        board.pointee.context = Unmanaged.passUnretained(self).toOpaque()
        board.pointee.build = 0x89AB_CDEF
        board.pointee.manifest_crc32 = CRC32.of(Self.manifest)
        board.pointee.manifest_size = UInt16(Self.manifest.count)
        board.pointee.channel_count = 4
        board.pointee.firmware = (0, 1, 0)
        board.pointee.pixels = pixels
        board.pointee.pixel_count = 8
        board.pointee.channel = { _, index, channel in
            channel!.pointee = VirtualBoard.channel(index)
        }
        board.pointee.manifest_byte = { _, offset in VirtualBoard.manifest[Int(offset)] }
        board.pointee.time_us = { UInt32(truncatingIfNeeded: VirtualBoard.of($0).microseconds) }
        board.pointee.prepare = { context, channel in
            VirtualBoard.of(context).note(channel!.pointee.pin, false)
        }
        board.pointee.drive = { context, channel, value in
            VirtualBoard.of(context).note(channel!.pointee.pin, value != 0)
        }
        board.pointee.strip_write = { context, _, bytes, size in
            VirtualBoard.of(context).shows.append(
                Array(UnsafeBufferPointer(start: bytes, count: size)))
        }
        connect()
    }

    private func connect() {
        board.pointee.uart_read = { context, bytes, capacity in
            let board = VirtualBoard.of(context)
            let count = min(capacity, board.input.count)
            for index in 0..<count { bytes![index] = board.input[index] }
            board.input.removeFirst(count)
            return count
        }
        board.pointee.uart_write = { context, bytes, size in
            VirtualBoard.of(context).output += UnsafeBufferPointer(start: bytes, count: size)
            return true
        }
        board.pointee.uart_take_errors = { _ in cue_uart_errors_t() }
        board.pointee.store_read = { VirtualBoard.of($0).store[Int($1)] }
        board.pointee.store_write = { VirtualBoard.of($0).store[Int($1)] = $2 }
        board.pointee.store_busy = { _ in false }
        board.pointee.watchdog_feed = { _ in }
    }

    private static func channel(_ index: UInt8) -> cue_channel_t {
        var channel = cue_channel_t()
        channel.pin = index
        channel.second_pin = UInt8(CUE_NO_PIN)
        channel.third_pin = UInt8(CUE_NO_PIN)
        channel.max_duty_permille = 1000
        channel.max_on_ms = index == 3 ? 60000 : 10000
        switch index {
        case 0, 1:
            channel.kind = UInt8(CUE_KIND_RELAY)
            channel.min_pause_ms = 20
        case 2:
            channel.kind = UInt8(CUE_KIND_SERVO)
            channel.high = 18000
            channel.low_us = 500
            channel.high_us = 2500
        default:
            channel.kind = UInt8(CUE_KIND_STRIP)
            channel.high = 8
        }
        return channel
    }
}
