internal import CSodium
internal import Platform

/// Argon2id (RFC 9106) password hashes as PHC strings, on threads of their own: one hash takes
/// about 20 ms and 19 MiB, so at most two run at once and a bounded number waits.
package final class PasswordHasher: Sendable {
    package enum Problem: Error, Equatable, Sendable {
        /// So many hashes wait already; answer 503.
        case busy
        /// Longer than `passwordSizeMax`.
        case tooLong
        /// The memory could not be had.
        case outOfMemory
    }

    /// How dear one guess is.
    package struct Cost: Hashable, Sendable {
        package let passes: Int
        package let memoryBytes: Int

        package init(passes: Int, memoryBytes: Int) {
            self.passes = passes
            self.memoryBytes = memoryBytes
        }

        /// OWASP's second choice for Argon2id: 2 passes over 19 MiB.
        package static let standard = Cost(passes: 2, memoryBytes: 19 * 1024 * 1024)
        /// The least that libsodium allows, for tests.
        package static let least = Cost(passes: 1, memoryBytes: 8 * 1024)
    }

    /// Bytes of UTF-8. Longer ones are refused before any work is done for them.
    package static let passwordSizeMax = 1024

    private let cost: Cost
    private let pool: BlockingPool
    /// The hash of a password that nobody knows, of the same cost.
    private let decoy: String

    /// - Parameters:
    ///   - threads: hashes that run at once.
    ///   - waitingMax: hashes that may wait; more are refused as `busy`.
    package init(cost: Cost = .standard, threads: Int = 2, waitingMax: Int = 64) throws {
        self.cost = cost
        pool = try BlockingPool(name: "passwords", threads: threads, waitingMax: waitingMax)
        decoy = try Self.makeHash(Hexadecimal.encode(SecureRandom.bytes(16)), cost)
    }

    /// A new hash with a salt of its own, to be stored.
    package func hash(_ password: String) async throws -> String {
        let cost = cost
        return try await run(password) { try Self.makeHash(password, cost) }
    }

    /// Whether the password made the stored hash.
    /// - Parameter hash: nil for an account that does not exist: the answer is no, and takes as
    ///   long as any other, so that time does not tell who has an account.
    package func verify(_ password: String, against hash: String?) async throws -> Bool {
        let decoy = decoy
        return try await run(password) {
            let isGood = Self.check(password, hash ?? decoy)
            return isGood && hash != nil
        }
    }

    /// Whether a stored hash was made at another cost, or in another way, than now; then hash
    /// anew when the password is at hand.
    package func needsRehash(_ hash: String) -> Bool {
        guard Self.isReadable(hash) else { return true }
        return cue_password_needs_rehash(hash, UInt64(cost.passes), cost.memoryBytes) != 0
    }

    private func run<Value: Sendable>(
        _ password: String, _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        guard password.utf8.count <= Self.passwordSizeMax else { throw Problem.tooLong }
        do {
            return try await pool.run(body)
        } catch is BlockingPool.Problem {
            throw Problem.busy
        }
    }

    private static func makeHash(_ password: String, _ cost: Cost) throws(Problem) -> String {
        var isMade = false
        let text = password.utf8.withBytePointer { pointer, size in
            String(unsafeUninitializedCapacity: Int(CUE_PASSWORD_HASH_SIZE)) { buffer in
                guard let base = buffer.baseAddress else { return 0 }
                return base.withMemoryRebound(
                    to: CChar.self, capacity: Int(CUE_PASSWORD_HASH_SIZE)
                ) { hash in
                    pointer.withMemoryRebound(to: CChar.self, capacity: max(size, 1)) { bytes in
                        isMade =
                            cue_password_hash(
                                bytes, size, UInt64(cost.passes), cost.memoryBytes, hash) == 0
                    }
                    return isMade ? buffer.firstIndex(of: 0) ?? 0 : 0
                }
            }
        }
        guard isMade else { throw .outOfMemory }
        return text
    }

    private static func check(_ password: String, _ hash: String) -> Bool {
        guard isReadable(hash) else { return false }
        return password.utf8.withBytePointer { pointer, size in
            pointer.withMemoryRebound(to: CChar.self, capacity: max(size, 1)) {
                cue_password_verify($0, size, hash) == 1
            }
        }
    }

    /// libsodium reads a zero-terminated string of less than its fixed size.
    private static func isReadable(_ hash: String) -> Bool {
        hash.utf8.count < Int(CUE_PASSWORD_HASH_SIZE) && hash.hasPrefix("$argon2id$")
            && !hash.utf8.contains(0)
    }
}
