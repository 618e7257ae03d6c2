internal import Hardware
internal import SharedModels

/// Identification.
extension LinkSession {
    mutating func greet(_ hello: Hello, at now: Int64, _ actions: inout [Action]) {
        guard phase == .greeting else { return }
        guard hello.linkVersion == 1 else {
            return fall(.protocolVersion(hello.linkVersion), &actions)
        }
        guard (1...BoardManifest.sizeMaxBytes).contains(Int(hello.manifestSizeBytes)) else {
            return fall(.badManifest("its size is \(hello.manifestSizeBytes) bytes"), &actions)
        }
        self.hello = hello
        enter(hello.state, &actions)
        uid = hello.uid
        manifestReads = 0
        if uid.isBlank {
            phase = .naming
            begin(.identityWrite(newUID), at: now, &actions)
        } else {
            actions.append(.greeted(uid))
            beginReading(at: now, &actions)
        }
    }

    mutating func beginReading(at now: Int64, _ actions: inout [Action]) {
        guard let hello else { return }
        phase = .reading
        manifest = []
        manifestReads += 1
        if let known = knownManifests[hello.manifestCRC],
            known.count == Int(hello.manifestSizeBytes), CRC32.of(known) == hello.manifestCRC
        {
            manifest = known
            finishReading(isNew: false, at: now, &actions)
        } else {
            begin(.manifestRead(offset: 0), at: now, &actions)
        }
    }

    mutating func append(
        _ bytes: [UInt8], at offset: UInt16, now: Int64, _ actions: inout [Action]
    ) {
        guard phase == .reading, let hello else { return }
        let size = Int(hello.manifestSizeBytes)
        let expected = min(40, size - manifest.count)
        guard Int(offset) == manifest.count, bytes.count >= expected else {
            return readAgain("a piece of it has the wrong size", at: now, &actions)
        }
        manifest += bytes.prefix(expected)
        if manifest.count < size {
            begin(.manifestRead(offset: UInt16(clamping: manifest.count)), at: now, &actions)
        } else if CRC32.of(manifest) == hello.manifestCRC {
            finishReading(isNew: true, at: now, &actions)
        } else {
            readAgain("its check does not match", at: now, &actions)
        }
    }

    mutating func readAgain(
        _ reason: String, at now: Int64, _ actions: inout [Action]
    ) {
        guard manifestReads < Limits.manifestReadsMax else {
            return fall(.badManifest(reason), &actions)
        }
        beginReading(at: now, &actions)
    }

    mutating func finishReading(
        isNew: Bool, at now: Int64, _ actions: inout [Action]
    ) {
        guard let hello else { return }
        let parsed: BoardManifest
        do {
            parsed = try ManifestReader.read(manifest)
        } catch {
            return fall(.badManifest(error.description), &actions)
        }
        let identity = Identity(uid: uid, hello: hello, manifest: parsed)
        self.identity = identity
        phase = .ready
        countersDueNanoseconds = now
        if isNew { actions.append(.learned(manifestCRC: hello.manifestCRC, bytes: manifest)) }
        manifest = []
        actions.append(.identified(identity))
    }

    mutating func fall(_ reason: DownReason, _ actions: inout [Action]) {
        phase = .down
        void(.silent, &actions)
        actions.append(.down(reason))
    }

    mutating func void(_ loss: Loss, _ actions: inout [Action]) {
        for entry in inFlight {
            guard let id = entry.command else { continue }
            actions.append(.ended(id, .unknown(loss)))
        }
        inFlight = []
    }
}
