internal import Platform

/// Ends commands that nobody answers, each second, and drops old ones from the log, each hour.
struct CommandSweeper: Worker {
    let name = "command sweeper"
    let service: DevicesService
    let log: Log

    func run() async throws {
        var seconds = 0
        while !Task.isCancelled {
            // Cancellation ends the pause and then the loop.
            try? await Task.sleep(for: .seconds(1))
            let dispatcher = service.dispatcher
            dispatcher.loop.submit {
                dispatcher.tick()
                service.repeatUnconfirmedStops()
                service.flashes.tick()
            }
            seconds += 1
            guard seconds % 3600 == 0 else { continue }
            do { _ = try await service.deleteOldCommands() } catch {
                log.warning("cannot drop old commands", ["reason": .string("\(error)")])
            }
        }
    }
}
