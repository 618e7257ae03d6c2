import Foundation

/// Python with the packages that peers need, in a folder of its own under `.build`. Where it
/// cannot be made (no `venv`, no package index), peers that are missing say so in their rows.
enum PythonPeers {
    private static let folder = ".build/bench-venv"
    private static let packages = [
        "paho-mqtt": "paho.mqtt.client", "rule-engine": "rule_engine",
        "business-rules": "business_rules", "piratetok-live-py": "piratetok_live",
    ]

    /// Makes what is missing and lets every `python3` of this run be that one.
    static func prepare() {
        let python = FileManager.default.currentDirectoryPath + "/" + folder + "/bin/python3"
        do {
            if !FileManager.default.isExecutableFile(atPath: python) {
                try BenchProgram.run(["python3", "-m", "venv", folder])
            }
        } catch {
            return print("peers in Python: those that python3 has (\(error))")
        }
        for (package, module) in packages.sorted(by: { $0.key < $1.key }) {
            install(package, module: module, python: python)
        }
        setenv("CUELIGHT_PYTHON", python, 1)
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        setenv("PATH", (python as NSString).deletingLastPathComponent + ":" + path, 1)
    }

    private static func install(_ package: String, module: String, python: String) {
        do {
            try BenchProgram.run([python, "-c", "import \(module)"])
            return
        } catch {
            // Not there yet.
        }
        do {
            try BenchProgram.run(
                [
                    python, "-m", "pip", "install", "-q", "--timeout", "10", "--retries", "1",
                    package,
                ])
        } catch {
            print("no peer \(package): \(error)")
        }
    }
}
