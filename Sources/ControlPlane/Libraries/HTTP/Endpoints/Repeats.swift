internal import Platform

/// Answers a request with an `Idempotency-Key` once, and its repeats from memory.
struct Repeats {
    let store: (any IdempotencyStore)?
    let log: Log

    func answer(
        _ call: Call, key: String, _ handle: () async -> Response
    ) async throws -> Response {
        guard let store else {
            throw HTTPError(
                .notImplemented, "idempotency", "Idempotency-Key is not served here.")
        }
        guard (1...128).contains(key.utf8.count), call.request.headerCount("idempotency-key") == 1,
            key.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { throw HTTPError.badRequest("idempotency_key", "The Idempotency-Key is not valid.") }
        let wanted = IdempotencyKey(
            subject: call.caller?.subject ?? "address:\(call.request.peer)",
            operation: "\(call.request.method.rawValue) \(call.request.target.raw)", key: key,
            body: call.bodyBytes)
        switch try await store.begin(wanted) {
        case .replay(let stored):
            return Response.bytes(
                stored.body, type: stored.contentType, status: Status(rawValue: stored.status)
            ).with("Idempotency-Replayed", "true")
        case .inProgress:
            throw HTTPError(
                .conflict, "in_progress", "The first request with this key is still running.",
                retryAfterSeconds: 1)
        case .mismatch:
            throw HTTPError(
                .unprocessable, "key_reused", "This key was used for a different request.")
        case .proceed: return try await settle(wanted, store, await handle(), call)
        }
    }

    private func settle(
        _ key: IdempotencyKey, _ store: any IdempotencyStore, _ response: Response, _ call: Call
    ) async throws -> Response {
        let status = response.status.rawValue
        guard status < 499, status != 429, response.isWhole else {
            await store.abandon(key)
            return response
        }
        let stored = StoredAnswer(
            status: status, contentType: response.header("Content-Type") ?? "application/json",
            body: Envelope.bytes(of: response, requestID: call.request.id))
        do {
            try await store.finish(key, stored)
        } catch {
            // The work is done and must not be reported as failed; a repeat finds the key taken.
            log.error(
                "an answer could not be kept",
                [
                    "request_id": .string(call.request.id), "error": .string("\(error)"),
                ])
        }
        return response
    }
}
