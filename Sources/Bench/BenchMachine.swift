import Foundation

/// Where and when figures were taken.
enum BenchMachine {
    /// Such as `2026-01-31, AMD EPYC, 2 cores, load 1.2 at the start`.
    static var description: String {
        let cores = ProcessInfo.processInfo.activeProcessorCount
        var time = time(nil)
        var parts = tm()
        gmtime_r(&time, &parts)
        let date = String(
            format: "%04d-%02d-%02d", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday)
        var load = [0.0]
        let isLoaded = getloadavg(&load, 1) == 1
        return "\(date), \(processor), \(cores) cores"
            + (isLoaded ? String(format: ", load %.1f at the start", load[0]) : "")
    }

    private static var processor: String {
        guard let text = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8) else {
            // Not Linux, or a locked-down one: the figures stand without the name.
            return "unknown processor"
        }
        let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
        let name = line?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) }
        return name ?? "unknown processor"
    }
}
