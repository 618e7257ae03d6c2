internal import CLinux
internal import Crypto
internal import Glibc
internal import Platform

/// Accepts the connections of one listening socket on one loop.
final class Acceptor: @unchecked Sendable {
    // Safe: `watch`, `spare` and `next` are touched on the first loop's thread alone.

    let address: SocketAddress
    private let descriptor: Int32
    private let secure: TLSContext?
    /// Who gets the connections; more than one only for unix sockets, in turn.
    private let loops: [ServerLoop]
    private let log: Log
    private var watch: Watch?
    private var next = 0
    /// A descriptor kept free for the moment when no other is: it lets a waiting connection be
    /// accepted and closed rather than wait for ever.
    private var spare: Int32

    /// For TCP one socket a loop at the same port, so that the kernel shares out connections;
    /// for a unix socket one, whose connections go to the loops in turn.
    static func open(
        _ address: SocketAddress, secure: TLSContext?, loops: [ServerLoop], log: Log
    ) throws(LinuxError) -> [Acceptor] {
        guard case .ip(let host, _) = address, loops.count > 1 else {
            return [try Acceptor(listeningAt: address, secure, loops, log)]
        }
        // With SO_REUSEPORT another process of ours could hold the port unseen and take a share
        // of the connections, so the port is first taken alone.
        let probe = try Socket.listen(address)
        let port = Result { () throws(LinuxError) in try Socket.localPort(probe) }
        Glibc.close(probe)
        let taken = SocketAddress.ip(host, port: try port.get())
        var acceptors: [Acceptor] = []
        do throws(LinuxError) {
            for loop in loops {
                acceptors.append(
                    try Acceptor(listeningAt: taken, sharesPort: true, secure, [loop], log))
            }
        } catch {
            for acceptor in acceptors { acceptor.closeUnstarted() }
            throw error
        }
        return acceptors
    }

    private init(
        listeningAt wanted: SocketAddress, sharesPort: Bool = false, _ secure: TLSContext?,
        _ loops: [ServerLoop], _ log: Log
    ) throws(LinuxError) {
        descriptor = try Socket.listen(wanted, sharesPort: sharesPort)
        do throws(LinuxError) {
            address =
                switch wanted {
                case .ip(let host, _): .ip(host, port: try Socket.localPort(descriptor))
                case .unix: wanted
                }
        } catch {
            Glibc.close(descriptor)
            throw error
        }
        self.secure = secure
        self.loops = loops
        self.log = log
        spare = Glibc.open("/dev/null", O_RDONLY | O_CLOEXEC)
    }

    func start() {
        let loop = loops[0].loop
        loop.submit { [self] in
            do {
                watch = try loop.watch(descriptor, for: .readable) { [weak self] _ in
                    self?.acceptAll()
                }
            } catch {
                log.error("cannot listen", ["error": .string("\(error)")])
            }
        }
    }

    /// Takes what is waiting already, then listens no more.
    func stop() async {
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            loops[0].loop.submit { [self] in
                if watch != nil { acceptAll() }
                watch?.cancel()
                watch = nil
                closeUnstarted()
                done.resume()
            }
        }
    }

    func closeUnstarted() {
        Glibc.close(descriptor)
        if spare >= 0 { Glibc.close(spare) }
        spare = -1
    }

    private func acceptAll() {
        // Bounded, so that a flood of connections does not starve those that are here.
        for _ in 0..<256 {
            let accepted = cue_accept(descriptor)
            if accepted >= 0 {
                give(accepted)
                continue
            }
            switch -accepted {
            case EMFILE, ENFILE, ENOBUFS, ENOMEM: return pause()
            case EINTR, ECONNABORTED: continue
            default: return
            }
        }
    }

    private func give(_ accepted: Int32) {
        let home = loops[next % loops.count]
        next &+= 1
        if home.loop.isCurrent {
            home.adopt(accepted, secure: secure)
        } else {
            home.loop.submit { [secure] in home.adopt(accepted, secure: secure) }
        }
    }

    /// No descriptor is left: sheds one connection and rests for a tenth of a second.
    private func pause() {
        log.warning("out of descriptors; accepting pauses")
        if spare >= 0 {
            Glibc.close(spare)
            let shed = cue_accept(descriptor)
            if shed >= 0 { Glibc.close(shed) }
            spare = Glibc.open("/dev/null", O_RDONLY | O_CLOEXEC)
        }
        watch?.change(to: [])
        loops[0].loop.schedule(after: .milliseconds(100)) { [weak self] in
            self?.watch?.change(to: .readable)
        }
    }
}
