internal import CLinux
internal import Glibc
internal import Platform

/// Looks up the server's name on a thread of its own, because libpq would block the loop.
enum HostResolver {
    typealias Answer = Result<[String: String], PostgresError>

    /// Adds `hostaddr` where `host` is a name; `host` stays, for the check of certificates.
    /// `completion` is called on the loop.
    static func resolve(
        _ parameters: [String: String], on loop: EventLoop,
        _ completion: @escaping (Answer) -> Void
    ) {
        guard let host = parameters["host"], parameters["hostaddr"] == nil, isName(host) else {
            return completion(.success(parameters))
        }
        let question = Question(host: host, parameters: parameters, loop: loop, completion)
        let context = Unmanaged.passRetained(question)
        let status = cue_thread_start(
            "resolve",
            { context in
                guard let context else { return }
                Unmanaged<Question>.fromOpaque(context).takeRetainedValue().run()
            }, context.toOpaque())
        if status < 0 {
            context.release()
            completion(
                .failure(PostgresError(.unreachable, "no thread", operation: "resolve \(host)")))
        }
    }

    /// Whether it is neither a socket's folder, nor an address, nor a list of hosts.
    static func isName(_ host: String) -> Bool {
        guard let first = host.utf8.first, first != UInt8(ascii: "/"), first != UInt8(ascii: "@"),
            !host.utf8.contains(UInt8(ascii: ","))
        else { return false }
        var address = in6_addr()
        return inet_pton(AF_INET, host, &address) != 1 && inet_pton(AF_INET6, host, &address) != 1
    }

    private final class Question: @unchecked Sendable {
        // Safe: handed from the loop to one thread and back.
        private let host: String
        private let parameters: [String: String]
        private let loop: EventLoop
        private let completion: (Answer) -> Void

        init(
            host: String, parameters: [String: String], loop: EventLoop,
            _ completion: @escaping (Answer) -> Void
        ) {
            self.host = host
            self.parameters = parameters
            self.loop = loop
            self.completion = completion
        }

        func run() {
            let answer = lookUp()
            loop.submit { self.completion(answer) }
        }

        private func lookUp() -> Answer {
            var hints = addrinfo()
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
            var list: UnsafeMutablePointer<addrinfo>?
            let status = getaddrinfo(host, nil, &hints, &list)
            guard status == 0, let first = list else {
                return .failure(
                    PostgresError(
                        .unreachable, String(cString: gai_strerror(status)),
                        operation: "resolve \(host)"))
            }
            defer { freeaddrinfo(list) }
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let named = getnameinfo(
                first.pointee.ai_addr, first.pointee.ai_addrlen, &text,
                socklen_t(text.count), nil, 0, NI_NUMERICHOST)
            guard named == 0 else {
                return .failure(
                    PostgresError(
                        .unreachable, String(cString: gai_strerror(named)),
                        operation: "resolve \(host)"))
            }
            var resolved = parameters
            resolved["hostaddr"] = text.withUnsafeBufferPointer { buffer in
                buffer.baseAddress.map { String(cString: $0) }
            }
            return .success(resolved)
        }
    }
}
