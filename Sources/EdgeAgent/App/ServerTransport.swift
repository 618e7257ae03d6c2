internal import Agent
internal import FoundationEssentials
internal import HTTPClient
internal import Platform

/// Calls a server with the HTTP client.
enum ServerTransport {
    /// A call without an answer, with what to do about it.
    private struct Failure: Error, CustomStringConvertible {
        let description: String

        init(_ error: HTTPClientError, server: String) {
            let advice = error.advice(for: server)
            description = advice.isEmpty ? "\(error)" : "\(error); \(advice)"
        }
    }

    /// - Parameter loop: where the sockets live.
    static func make(server: String, loop: EventLoop) -> ServerCalls.Transport {
        // Made at the first call: reading the machine's certificates takes a while.
        return { path, body in
            var limits = HTTPClient.Limits()
            limits.deadline = .seconds(10)
            limits.bodyBytes = 1024 * 1024
            let client = try HTTPClient(loop: loop, limits: limits)
            let answer: HTTPClient.Answer
            do throws(HTTPClientError) {
                if let body {
                    answer = try await client.post(server + path, json: body)
                } else {
                    answer = try await client.get(server + path)
                }
            } catch {
                throw Failure(error, server: server)
            }
            return ServerCalls.Answer(
                status: answer.status, body: answer.body,
                dateMilliseconds: answer.header("Date").flatMap(milliseconds))
        }
    }

    /// Reads a date of RFC 9110 §5.6.7, such as `Sun, 06 Nov 1994 08:49:37 GMT`.
    static func milliseconds(_ text: String) -> Int64? {
        let parts = text.split { $0 == " " || $0 == ":" || $0 == "," }
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        guard parts.count == 8, parts[7] == "GMT", let day = Int(parts[1]),
            let month = months.firstIndex(of: String(parts[2])), let year = Int(parts[3]),
            let hour = Int(parts[4]), let minute = Int(parts[5]), let second = Int(parts[6])
        else { return nil }
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let components = DateComponents(
            year: year, month: month + 1, day: day, hour: hour, minute: minute, second: second)
        return calendar.date(from: components).map { Int64($0.timeIntervalSince1970) * 1000 }
    }
}
