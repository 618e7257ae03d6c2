internal import CLinux

extension Metrics {
    /// Adds what Prometheus clients everywhere tell of their process, under the usual names.
    package func addProcess() {
        counter("process_cpu_seconds_total", "CPU time, user and system, in seconds.") {
            Double(cue_cpu_ns()) / 1e9
        }
        gauge("process_resident_memory_bytes", "Resident memory in bytes.") {
            Double(cue_resident_bytes())
        }
        gauge("process_open_fds", "Open file descriptors.") { Double(cue_open_descriptors()) }
        let descriptorsMax = Double(cue_descriptors_max())
        gauge("process_max_fds", "How many file descriptors may be open.") { descriptorsMax }
        let start = Double(cue_process_start_ms()) / 1000
        gauge("process_start_time_seconds", "When the process started, Unix seconds.") { start }
    }
}
