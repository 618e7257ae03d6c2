import Crypto
import HTTP
import Platform
import Postgres
import SharedModels
import Synchronization
import TestSupport
import Testing

@testable import Accounts

/// A clock that a test moves.
private final class Hands: Sendable {
    private let time = Mutex<Int64>(1_800_000_000_000)
    var now: Int64 { time.withLock { $0 } }
    func move(_ duration: Duration) { time.withLock { $0 += duration.millisecondsClamped } }
}

/// Whose rights were said to have changed.
private final class Told: Sendable {
    private let changes = Mutex<[RightsChange]>([])
    var all: [RightsChange] { changes.withLock { $0 } }
    func add(_ change: RightsChange) { changes.withLock { $0.append(change) } }
}

/// The domain on a database of its own, with a clock in hand.
private struct Desk {
    let hands = Hands()
    let told = Told()
    let pool: PostgresPool
    let service: AccountsService
    let signer: TokenSigner

    /// - Parameters:
    ///   - pool: of another desk, whose process this one follows.
    ///   - signer: its signer.
    init(pool: PostgresPool? = nil, signer: TokenSigner? = nil) async throws {
        if let signer {
            self.signer = signer
        } else {
            self.signer = try TokenSigner(purpose: "access", key: SecureRandom.bytes(32))
        }
        if let pool { self.pool = pool } else { self.pool = try await TestDatabase.make().pool }
        let hands = hands
        let told = told
        service = AccountsService(
            pool: self.pool, hasher: try PasswordHasher(cost: .least),
            signer: self.signer,
            unixMilliseconds: { hands.now }, rightsChanged: { told.add($0) })
    }

    func ana(_ handle: String = "ana") async throws -> Account {
        try await service.register(
            email: " \(handle.uppercased())@Example.org ", handle: handle, displayName: "Ana",
            password: "correct horse")
    }
}

@Suite("Accounts")
struct AccountsTests {
    @Test("a session is open until it is ended, comes back twice or expires, however old its token")
    func open() async throws {
        let desk = try await Desk()
        let ana = try await desk.ana()
        func logIn() async throws -> SessionTokens {
            try await desk.service.logIn(email: "ana@example.org", password: "correct horse")
        }
        func isOpen(_ tokens: SessionTokens) async throws -> Bool {
            try await desk.service.isOpen(tokens.session, of: ana.id)
        }
        let (ended, reused, lasting) = (try await logIn(), try await logIn(), try await logIn())
        desk.hands.move(AccountsService.Limits.accessLifetime)
        #expect(desk.service.caller(accessToken: ended.accessToken) == nil)
        for tokens in [ended, reused, lasting] { #expect(try await isOpen(tokens)) }
        let bob = try await desk.ana("bob")
        #expect(try await desk.service.isOpen(ended.session, of: bob.id) == false)
        try await desk.service.logOut(ended.session)
        _ = try await desk.service.refresh(reused.refreshToken)
        await #expect(throws: AccountsError.refreshTokenReused) {
            _ = try await desk.service.refresh(reused.refreshToken)
        }
        #expect(desk.told.all == [.session(ended.session), .session(reused.session)])
        // When this process has forgotten what it ended, as it does at the next end, the database
        // knows.
        desk.hands.move(
            AccountsService.Limits.accessLifetime + AccountsService.Limits.pressGrace)
        try await desk.service.logOut(try await logIn().session)
        #expect(try await isOpen(ended) == false)
        #expect(try await isOpen(reused) == false)
        #expect(try await isOpen(lasting))
        desk.hands.move(AccountsService.Limits.sessionLifetime)
        #expect(try await isOpen(lasting) == false)
    }

    @Test("an expired token presses for twelve hours, unless its session was ended")
    func presses() async throws {
        let desk = try await Desk()
        let ana = try await desk.ana()
        func logIn() async throws -> SessionTokens {
            try await desk.service.logIn(email: "ana@example.org", password: "correct horse")
        }
        let (lasting, ended) = (try await logIn(), try await logIn())
        func presses(_ tokens: SessionTokens, _ service: AccountsService? = nil) -> Bool {
            (service ?? desk.service).presser(accessToken: tokens.accessToken)?.account == ana.id
        }
        desk.hands.move(AccountsService.Limits.accessLifetime)
        #expect(desk.service.caller(accessToken: lasting.accessToken) == nil)
        #expect(presses(lasting) && presses(ended))
        try await desk.service.logOut(ended.session)
        #expect(presses(lasting) && !presses(ended))
        let stranger = try TokenSigner(purpose: "access", key: SecureRandom.bytes(32))
        let forged = AccessToken(
            account: ana.id, session: lasting.session, role: .user,
            expiresAtMilliseconds: desk.hands.now - 1)
        #expect(desk.service.presser(accessToken: forged.signed(by: stranger)) == nil)
        // The last moment, also for a process that has just started.
        desk.hands.move(AccountsService.Limits.pressGrace - .milliseconds(1))
        let after = try await Desk(pool: desk.pool, signer: desk.signer)
        after.hands.move(
            AccountsService.Limits.accessLifetime + AccountsService.Limits.pressGrace
                - .milliseconds(1))
        try await after.service.load()
        for service in [desk.service, after.service] {
            #expect(presses(lasting, service) && !presses(ended, service))
        }
        desk.hands.move(.milliseconds(1))
        #expect(!presses(lasting))
    }

    @Test("a change of members is told once it is made, and not if it is refused")
    func changesAreTold() async throws {
        let desk = try await Desk()
        let (ana, bob) = (try await desk.ana(), try await desk.ana("bob"))
        let place = try await desk.service.makeWorkspace(name: "Stage", owner: ana.id).workspace
        try await desk.service.setRole(.operator, ofHandle: "bob", in: place)
        await #expect(throws: AccountsError.lastOwner) {
            try await desk.service.removeMember(handle: "ana", from: place)
        }
        try await desk.service.removeMember(handle: "bob", from: place)
        await #expect(throws: AccountsError.notFound("member")) {
            try await desk.service.removeMember(handle: "bob", from: place)
        }
        let change = RightsChange.member(bob.id, of: place)
        #expect(desk.told.all == [change, change])
    }

    @Test("a registered person signs in, whatever the case of the address")
    func registerAndLogIn() async throws {
        let desk = try await Desk()
        let account = try await desk.ana()
        #expect(account.email == "ana@example.org")
        let tokens = try await desk.service.logIn(
            email: "Ana@EXAMPLE.org", password: "correct horse")
        #expect(tokens.account == account)
        #expect(desk.service.caller(accessToken: tokens.accessToken)?.account == account.id)
    }

    @Test("an address and a handle belong to one account each")
    func taken() async throws {
        let desk = try await Desk()
        _ = try await desk.ana()
        await #expect(throws: AccountsError.emailTaken) { _ = try await desk.ana() }
        await #expect(throws: AccountsError.handleTaken) {
            _ = try await desk.service.register(
                email: "other@example.org", handle: "ANA", displayName: "Other",
                password: "correct horse")
        }
    }

    @Test("every wrong field is named at once")
    func invalidFields() async throws {
        let desk = try await Desk()
        do {
            _ = try await desk.service.register(
                email: "no address", handle: "x!", displayName: " ", password: "short")
            Issue.record("it was accepted")
        } catch AccountsError.invalid(let fields) {
            #expect(fields.map(\.path) == ["email", "handle", "display_name", "password"])
        }
    }

    @Test(
        "a name that cannot be seen, or that turns text around, is refused and told why",
        arguments: [" ", "\u{3000}", "a\u{202E}b", "a\u{200B}b", "a\u{2066}b", "a\nb"])
    func badNames(name: String) async throws {
        let desk = try await Desk()
        await #expect(throws: AccountsError.self) {
            _ = try await desk.service.register(
                email: "ana@example.org", handle: "ana", displayName: name,
                password: "correct horse")
        }
        let ana = try await desk.ana()
        await #expect(throws: AccountsError.self) {
            _ = try await desk.service.makeWorkspace(name: name, owner: ana.id)
        }
        do {
            _ = try await desk.service.makeWorkspace(name: "a\u{202E}b", owner: ana.id)
        } catch AccountsError.invalid(let fields) {
            #expect(fields == [.init("name", "must not change the direction of text (U+202E)")])
        }
    }

    @Test(
        "what cannot be an e-mail address is refused",
        arguments: [
            "", "a", "@b.c", "a@", "a@b", "a@.b", "a@b.", "a b@c.d", "a@b@c.d", "a\u{0}@b.c",
        ])
    func badAddresses(text: String) {
        #expect(AccountNames.email(text) == nil)
    }

    @Test("after five failed tries not even the right password is looked at for 15 minutes")
    func loginLimit() async throws {
        let desk = try await Desk()
        _ = try await desk.ana()
        for _ in 0..<5 {
            await #expect(throws: AccountsError.wrongLogin) {
                _ = try await desk.service.logIn(email: "ana@example.org", password: "wrong guess")
            }
        }
        await #expect(throws: AccountsError.tooManyTries(retryAfterSeconds: 900)) {
            _ = try await desk.service.logIn(email: "ana@example.org", password: "correct horse")
        }
        desk.hands.move(.seconds(901))
        _ = try await desk.service.logIn(email: "ana@example.org", password: "correct horse")
    }

    @Test("twenty tries at once are no way around the limit")
    func loginLimitAtOnce() async throws {
        let desk = try await Desk()
        _ = try await desk.ana()
        let outcomes = await withTaskGroup(of: AccountsError?.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    do {
                        _ = try await desk.service.logIn(
                            email: "ana@example.org", password: "wrong guess")
                        return nil
                    } catch { return error as? AccountsError }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.filter { $0 == .wrongLogin }.count == 5)
    }

    @Test("an unknown address is refused with the same words as a wrong password")
    func unknownAddress() async throws {
        let desk = try await Desk()
        await #expect(throws: AccountsError.wrongLogin) {
            _ = try await desk.service.logIn(
                email: "nobody@example.org", password: "whatever it is")
        }
    }
}

@Suite("Sessions")
struct SessionTests {
    @Test("a refresh token serves once, and its answer carries the next")
    func rotation() async throws {
        let desk = try await Desk()
        _ = try await desk.ana()
        var tokens = try await desk.service.logIn(
            email: "ana@example.org", password: "correct horse")
        for _ in 0..<3 {
            desk.hands.move(.seconds(600))
            let next = try await desk.service.refresh(tokens.refreshToken)
            #expect(next.refreshToken != tokens.refreshToken)
            #expect(next.session == tokens.session)
            tokens = next
        }
    }

    @Test("a refresh token that comes back ends the session for the thief and the owner")
    func reuse() async throws {
        let desk = try await Desk()
        _ = try await desk.ana()
        let first = try await desk.service.logIn(
            email: "ana@example.org", password: "correct horse")
        let second = try await desk.service.refresh(first.refreshToken)
        await #expect(throws: AccountsError.refreshTokenReused) {
            _ = try await desk.service.refresh(first.refreshToken)
        }
        #expect(desk.service.caller(accessToken: second.accessToken) == nil)
        await #expect(throws: AccountsError.wrongRefreshToken) {
            _ = try await desk.service.refresh(second.refreshToken)
        }
    }

    @Test("of ten refreshes at once with one token at most one succeeds, and the session ends")
    func refreshRace() async throws {
        let desk = try await Desk()
        _ = try await desk.ana()
        let tokens = try await desk.service.logIn(
            email: "ana@example.org", password: "correct horse")
        let successes = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<10 {
                group.addTask { (try? await desk.service.refresh(tokens.refreshToken)) != nil }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(successes == 1)
        #expect(desk.service.caller(accessToken: tokens.accessToken) == nil)
    }

    @Test("a signed-out session's access token is refused at once")
    func logOut() async throws {
        let desk = try await Desk()
        _ = try await desk.ana()
        let tokens = try await desk.service.logIn(
            email: "ana@example.org", password: "correct horse")
        try await desk.service.logOut(tokens.session)
        #expect(desk.service.caller(accessToken: tokens.accessToken) == nil)
        await #expect(throws: AccountsError.wrongRefreshToken) {
            _ = try await desk.service.refresh(tokens.refreshToken)
        }
    }

    @Test("an access token expires, and a session does too")
    func expiry() async throws {
        let desk = try await Desk()
        _ = try await desk.ana()
        let tokens = try await desk.service.logIn(
            email: "ana@example.org", password: "correct horse")
        desk.hands.move(AccountsService.Limits.accessLifetime)
        #expect(desk.service.caller(accessToken: tokens.accessToken) == nil)
        desk.hands.move(AccountsService.Limits.sessionLifetime)
        await #expect(throws: AccountsError.wrongRefreshToken) {
            _ = try await desk.service.refresh(tokens.refreshToken)
        }
    }

    @Test(
        "a token that was not signed here speaks for nobody",
        arguments: ["", "v1.", "v1.YWJj.YWJj", "a.b.c", String(repeating: "x", count: 5000)])
    func forged(text: String) async throws {
        let desk = try await Desk()
        #expect(desk.service.caller(accessToken: text) == nil)
    }

    @Test("a one-time code signs in once, within ten minutes")
    func oneTimeCode() async throws {
        let desk = try await Desk()
        let account = try await desk.ana()
        let (code, _) = try await desk.service.makeLoginCode(for: account.id)
        #expect(try await desk.service.logIn(code: code).account == account)
        await #expect(throws: AccountsError.wrongLogin) {
            _ = try await desk.service.logIn(code: code)
        }
        let (late, _) = try await desk.service.makeLoginCode(for: account.id)
        desk.hands.move(AccountsService.Limits.loginCodeLifetime)
        await #expect(throws: AccountsError.wrongLogin) {
            _ = try await desk.service.logIn(code: late)
        }
    }
}

@Suite("Workspaces")
struct WorkspaceTests {
    @Test("whoever makes a workspace owns it; others have no role until they are given one")
    func roles() async throws {
        let desk = try await Desk()
        let ana = try await desk.ana()
        let bo = try await desk.ana("bob")
        let workspace = try await desk.service.makeWorkspace(name: "Stage", owner: ana.id).workspace
        #expect(try await desk.service.role(of: ana.id, in: workspace) == .owner)
        #expect(try await desk.service.role(of: bo.id, in: workspace) == nil)
        try await desk.service.setRole(.operator, ofHandle: "BOB", in: workspace)
        #expect(try await desk.service.role(of: bo.id, in: workspace) == .operator)
        #expect(try await desk.service.memberships(of: bo.id).map(\.role) == [.operator])
        try await desk.service.removeMember(handle: "bob", from: workspace)
        #expect(try await desk.service.role(of: bo.id, in: workspace) == nil)
    }

    @Test("every member is remembered without having called, until taken out, and over a restart")
    func remembered() async throws {
        let desk = try await Desk()
        let ana = try await desk.ana()
        let bo = try await desk.ana("bob")
        let workspace = try await desk.service.makeWorkspace(name: "Stage", owner: ana.id).workspace
        try await desk.service.setRole(.operator, ofHandle: "bob", in: workspace)
        let next = try await Desk(pool: desk.pool)
        #expect(next.service.rememberedRole(of: bo.id, in: workspace) == nil)
        try await next.service.load()
        for service in [desk.service, next.service] {
            #expect(service.rememberedRole(of: ana.id, in: workspace) == .owner)
            #expect(service.rememberedRole(of: bo.id, in: workspace) == .operator)
        }
        try await desk.service.removeMember(handle: "bob", from: workspace)
        #expect(desk.service.rememberedRole(of: bo.id, in: workspace) == nil)
        // What is only remembered is looked up all the same.
        #expect(try await next.service.role(of: bo.id, in: workspace) == nil)
        #expect(next.service.rememberedRole(of: bo.id, in: workspace) == nil)
    }

    @Test("whoever asks for workspaces that are not theirs does not make members forgotten")
    func flooded() async throws {
        let desk = try await Desk()
        let ana = try await desk.ana()
        let workspace = try await desk.service.makeWorkspace(name: "Stage", owner: ana.id).workspace
        try await withThrowingTaskGroup { group in
            for lane in 0..<16 {
                group.addTask {
                    for number in 0...AccountsService.Limits.rememberedRoles / 16 {
                        let other = WorkspaceID(high: UInt64(lane + 1), low: UInt64(number))
                        _ = try await desk.service.role(of: ana.id, in: other)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(desk.service.rememberedRole(of: ana.id, in: workspace) == .owner)
    }

    @Test("the last owner can neither go nor become less")
    func lastOwner() async throws {
        let desk = try await Desk()
        let ana = try await desk.ana()
        let workspace = try await desk.service.makeWorkspace(name: "Stage", owner: ana.id).workspace
        await #expect(throws: AccountsError.lastOwner) {
            try await desk.service.removeMember(handle: "ana", from: workspace)
        }
        await #expect(throws: AccountsError.lastOwner) {
            try await desk.service.setRole(.watcher, ofHandle: "ana", in: workspace)
        }
    }

    @Test("two owners who take each other out at once leave one")
    func ownersAtOnce() async throws {
        let desk = try await Desk()
        let ana = try await desk.ana()
        _ = try await desk.ana("bob")
        let workspace = try await desk.service.makeWorkspace(name: "Stage", owner: ana.id).workspace
        try await desk.service.setRole(.owner, ofHandle: "bob", in: workspace)
        await withTaskGroup(of: Void.self) { group in
            for handle in ["ana", "bob"] {
                group.addTask {
                    try? await desk.service.removeMember(handle: handle, from: workspace)
                }
            }
        }
        #expect(try await desk.service.members(of: workspace).count == 1)
    }

    @Test("a role outranks those below it")
    func ranks() {
        #expect(WorkspaceRole.watcher < .operator)
        #expect(WorkspaceRole.operator < .owner)
    }
}
