package import HTTP

extension LiveError: HTTPRepresentable {
    package var httpError: HTTPError {
        switch self {
        case .badTitle(let problem):
            .invalid([HTTPError.Field(path: "title", message: "\(problem)")])
        case .notFound: .notFound("livestream")
        case .ended: .conflict("livestream_ended", "This livestream has ended.")
        case .elsewhere:
            HTTPError(
                .serviceUnavailable, "livestream_elsewhere",
                "Another process holds this livestream; try again.", retryAfterSeconds: 1)
        case .tooManyLivestreams:
            .conflict(
                "too_many_livestreams",
                "A workspace has at most \(LiveLimits.livestreamsPerWorkspace) at once.")
        case .unknownGift:
            .invalid([HTTPError.Field(path: "gift_id", message: "is no gift of ours")])
        case .emptyDeed: .badRequest("empty", "This says nothing.")
        case .badFrame(let error): .badRequest("bad_frame", "The frame cannot be read: \(error).")
        }
    }
}
