internal import FoundationEssentials
package import SharedModels
internal import Synchronization

/// Sequences of devices: kept here, uploaded by their agents.
extension DevicesService {
    package enum PlayLimits {
        /// How far ahead plays that shall start together start, if nobody says when: the time that
        /// their commands need to the boards.
        package static let leadMilliseconds: Int64 = 80
        /// The furthest that a start may be ahead, milliseconds.
        package static let aheadMaxMilliseconds: Int64 = 8_000
        /// Devices in one start.
        package static let devicesMax = Rule.actionsMax
    }

    /// One sequence of one device, to be started.
    package struct Play: Hashable, Sendable {
        package let device: DeviceID
        package let sequence: Int

        package init(device: DeviceID, sequence: Int) {
            self.device = device
            self.sequence = sequence
        }
    }

    /// The sequences of all devices of a workspace, device by device, each by rising number.
    package func sequences(in workspace: WorkspaceID) async -> [SequenceReport] {
        await dispatcher.run { dispatcher in
            let directory = dispatcher.directory
            return directory.devices(of: workspace).flatMap(directory.sequenceReports(of:))
        }
    }

    /// The sequences of a device, by rising number.
    package func sequences(
        of id: DeviceID, in workspace: WorkspaceID
    ) async throws -> [SequenceReport] {
        try await dispatcher.run { dispatcher -> [SequenceReport]? in
            guard let device = dispatcher.directory.devices[id], device.workspace == workspace
            else { return nil }
            return dispatcher.directory.sequenceReports(of: device)
        }.orThrow(DevicesError.notFound("device"))
    }

    package func sequence(
        _ number: Int, of id: DeviceID, in workspace: WorkspaceID
    ) async throws -> SequenceReport {
        try await sequences(of: id, in: workspace).first { $0.stored.number == number }
            .orThrow(DevicesError.notFound("sequence"))
    }

    /// Gives a device a sequence, in place of the one of that number, and tells its agent.
    /// - Throws: `DevicesError.notFound`, `.invalidFields`, `.noSequences`, `.tooMany`.
    package func putSequence(
        _ number: Int, of id: DeviceID, in workspace: WorkspaceID, name: String,
        steps: [ChannelSequence.Step], by account: AccountID
    ) async throws -> SequenceReport {
        let shown: String
        do {
            shown = try SingleLineName.make(
                name, lengthMax: ChannelSequence.Limits.nameLengthMax)
        } catch { throw DevicesError.invalid(path: "name", message: "\(error)") }
        guard ChannelSequence.Limits.numbers.contains(number) else {
            throw DevicesError.notFound("sequence")
        }
        return try await sequenceTurn.take {
            let (device, others) = try await dispatcher.run {
                dispatcher -> (Device, [StoredSequence])? in
                guard let device = dispatcher.directory.devices[id], device.workspace == workspace
                else { return nil }
                return (
                    device,
                    dispatcher.directory.sequences(of: id).filter { $0.number != number }
                )
            }.orThrow(DevicesError.notFound("device"))
            try Self.check(ChannelSequence(steps: steps), on: device, beside: others)
            // By the clock too, so that not even a deleted one of a former process had it.
            let now = unixMilliseconds()
            let revision = sequenceRevision.withLock { highest in
                highest = max(highest + 1, now)
                return highest
            }
            let kept = try await sequenceStore.upsert(
                number, of: id, name: shown, steps: steps, revision: revision,
                by: account
            ).orThrow(DevicesError.notFound("sequence"))
            await publishSequences(of: device.agent) { $0.put(kept) }
            changed(workspace)
            return try await sequence(number, of: id, in: workspace)
        }
    }

    private static func check(
        _ sequence: ChannelSequence, on device: Device, beside others: [StoredSequence]
    ) throws {
        if let refusal = device.manifest.sequencesRefusal {
            throw DevicesError.noSequences("\(device.name) keeps no sequences: \(refusal).")
        }
        let problems = sequence.problems(on: device.manifest)
        guard problems.isEmpty else {
            throw DevicesError.invalidFields(
                problems.map { DevicesError.InvalidField(path: $0.path, message: $0.message) })
        }
        guard others.count < ChannelSequence.Limits.countMax else {
            throw DevicesError.tooMany("sequences")
        }
        let all = others.map(\.sequence) + [sequence]
        if let refusal = device.manifest.refusal(ofAll: all) {
            throw DevicesError.invalid(path: "steps", message: refusal)
        }
        let size = try all.reduce(0) { try $0 + JSONEncoder().encode($1).count }
        guard size <= ChannelSequence.Limits.deviceBytesMax else {
            throw DevicesError.invalid(
                path: "steps",
                message: "the device's sequences are \(size) bytes of JSON together; at most "
                    + "\(ChannelSequence.Limits.deviceBytesMax) are possible")
        }
    }

    package func deleteSequence(
        _ number: Int, of id: DeviceID, in workspace: WorkspaceID
    ) async throws {
        try await sequenceTurn.take {
            let device = try await dispatcher.run { $0.directory.devices[id] }
                .orThrow(DevicesError.notFound("device"))
            guard device.workspace == workspace else { throw DevicesError.notFound("device") }
            guard try await sequenceStore.delete(number, of: id) else {
                throw DevicesError.notFound("sequence")
            }
            await publishSequences(of: device.agent) { $0.removeSequence(number, of: id) }
        }
        changed(workspace)
    }

    private func publishSequences(
        of agent: AgentID, after change: @escaping @Sendable (inout DeviceDirectory) -> Void
    ) async {
        let notices = notices
        await dispatcher.run { dispatcher in
            dispatcher.updateDirectory(change)
            notices.publishSequences(of: [agent])
        }
    }

    /// Starts sequences of several devices at one time.
    /// - Parameter startAtMilliseconds: Unix time; nil for as soon as all can be told.
    /// - Returns: the time, and the commands in the order of the plays.
    package func play(
        _ plays: [Play], in workspace: WorkspaceID, startAtMilliseconds: Int64?,
        deadline: Duration, trace: Trace
    ) async throws -> (startAtMilliseconds: Int64, commands: [CommandID]) {
        let now = unixMilliseconds()
        let start = startAtMilliseconds ?? now + PlayLimits.leadMilliseconds
        guard (0...PlayLimits.aheadMaxMilliseconds).contains(start - now) else {
            throw DevicesError.invalid(
                path: "start_at_ms",
                message: "must be ahead, by \(PlayLimits.aheadMaxMilliseconds) ms at most; it is "
                    + "\(now) here")
        }
        return try await dispatcher.run { dispatcher -> [CommandID]? in
            let isOurs = plays.allSatisfy {
                dispatcher.directory.devices[$0.device]?.workspace == workspace
            }
            guard isOurs else { return nil }
            return plays.map { play in
                dispatcher.dispatch(
                    Action(
                        device: play.device, channel: Channel.boardName,
                        operation: .play(
                            sequence: play.sequence, startAtMilliseconds: start)),
                    in: workspace, deadline: deadline, trace: trace)
            }
        }.map { (start, $0) }.orThrow(DevicesError.notFound("device"))
    }
}

extension Optional {
    /// The value, or the error if there is none.
    func orThrow<Failure: Error>(_ error: @autoclosure () -> Failure) throws(Failure) -> Wrapped {
        guard let self else { throw error() }
        return self
    }
}
