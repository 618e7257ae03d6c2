import Crypto
import Testing

@Suite("Password hashes")
struct PasswordHasherTests {
    @Test("a password verifies against its own hash alone, and no two hashes are equal")
    func verify() async throws {
        let hasher = try PasswordHasher(cost: .least)
        let hash = try await hasher.hash("correct horse")
        #expect(hash.hasPrefix("$argon2id$"))
        #expect(try await hasher.verify("correct horse", against: hash))
        #expect(try await !hasher.verify("correct hors", against: hash))
        #expect(try await !hasher.verify("", against: hash))
        #expect(try await hasher.hash("correct horse") != hash)
        let empty = try await hasher.hash("")
        #expect(try await hasher.verify("", against: empty))
    }

    @Test("an account that does not exist is verified against, and refused")
    func nobody() async throws {
        let hasher = try PasswordHasher(cost: .least)
        #expect(try await !hasher.verify("anything", against: nil))
    }

    @Test(
        "what is no hash verifies nothing",
        arguments: [
            "", "$argon2id$", "$2b$12$abcdefghijklmnopqrstuv", "\0$argon2id$v=19$",
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$", String(repeating: "$argon2id$", count: 100),
        ])
    func noHash(hash: String) async throws {
        let hasher = try PasswordHasher(cost: .least)
        #expect(try await !hasher.verify("", against: hash))
        #expect(hasher.needsRehash(hash))
    }

    @Test("a hash of another cost needs to be made anew")
    func rehash() async throws {
        let cheap = try PasswordHasher(cost: .least)
        let dear = try PasswordHasher(cost: .standard)
        let hash = try await cheap.hash("password")
        #expect(!cheap.needsRehash(hash))
        #expect(dear.needsRehash(hash))
        #expect(try await dear.verify("password", against: hash))
        let standard = try await dear.hash("password")
        #expect(standard.contains("m=19456,t=2,p=1"))
        #expect(!dear.needsRehash(standard))
    }

    @Test("an endless password is refused before it is hashed")
    func tooLong() async throws {
        let hasher = try PasswordHasher(cost: .least)
        let password = String(repeating: "p", count: PasswordHasher.passwordSizeMax + 1)
        await #expect(throws: PasswordHasher.Problem.tooLong) {
            _ = try await hasher.hash(password)
        }
    }

    @Test("when too many wait, the next is told so at once")
    func busy() async throws {
        let hasher = try PasswordHasher(cost: .standard, threads: 1, waitingMax: 2)
        let outcomes = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<40 {
                group.addTask {
                    do {
                        _ = try await hasher.hash("password")
                        return true
                    } catch {
                        #expect(error as? PasswordHasher.Problem == .busy)
                        return false
                    }
                }
            }
            return await group.reduce(into: [Bool]()) { $0.append($1) }
        }
        #expect(outcomes.contains(true))
        #expect(outcomes.contains(false))
    }
}
