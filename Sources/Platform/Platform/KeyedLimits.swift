internal import Synchronization

/// One rate limit for each key (an address, an account), for at most so many keys: those not
/// seen for longest are forgotten first. Any thread.
///
/// Keys live in two halves. A full young half becomes the old one and what was old is dropped,
/// so a key is forgotten only after at least `keysMax / 2` other keys came.
package final class KeyedLimits<Key: Hashable & Sendable, Limit: RateLimit>: Sendable {
    private struct Halves {
        var young: [Key: Limit] = [:]
        var old: [Key: Limit] = [:]
    }

    private let halfMax: Int
    private let fresh: Limit
    private let halves = Mutex(Halves())

    /// - Parameters:
    ///   - fresh: the limit of a key not seen before.
    ///   - keysMax: how many keys are remembered; at least 2.
    package init(_ fresh: Limit, keysMax: Int) {
        precondition(keysMax >= 2, "two keys at least")
        self.fresh = fresh
        halfMax = keysMax / 2
    }

    /// Asks for one more for this key.
    package func admit(_ key: Key, atNanoseconds now: Int64) -> RateAdmission {
        halves.withLock { halves in
            var limit = halves.young[key] ?? halves.old.removeValue(forKey: key) ?? fresh
            let admission = limit.admit(atNanoseconds: now)
            if halves.young[key] == nil, halves.young.count >= halfMax {
                halves.old = halves.young
                halves.young = [:]
            }
            halves.young[key] = limit
            return admission
        }
    }

    /// Forgets a key, such as an account after a good sign-in.
    package func forget(_ key: Key) {
        halves.withLock { halves in
            halves.young[key] = nil
            halves.old[key] = nil
        }
    }

    /// How many keys are remembered now.
    package var keyCount: Int { halves.withLock { $0.young.count + $0.old.count } }
}
