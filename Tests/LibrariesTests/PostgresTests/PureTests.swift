import Platform
import Testing

@testable import Postgres

@Suite("Postgres parts")
struct PureTests {
    private func key(_ text: String) -> StatementCache.Key { .init(text: text, types: []) }

    @Test("the statement cache prepares once and lets the least recently used go")
    func cache() {
        var cache = StatementCache(capacity: 2)
        #expect(cache.use(key("a")) == .init(name: "c1", mustPrepare: true))
        #expect(cache.use(key("a")) == .init(name: "c1", mustPrepare: false))
        #expect(cache.use(key("b")) == .init(name: "c2", mustPrepare: true))
        #expect(cache.use(key("a")).mustPrepare == false)
        #expect(cache.use(key("c")) == .init(name: "c3", mustPrepare: true, evicted: "c2"))
        #expect(cache.use(key("b")) == .init(name: "c4", mustPrepare: true, evicted: "c1"))
        cache.drop(key("b"), name: "c2")
        #expect(cache.use(key("b")).mustPrepare == false)
        cache.drop(key("b"), name: "c4")
        #expect(cache.use(key("b")) == .init(name: "c5", mustPrepare: true))
        #expect(cache.use(.init(text: "b", types: [20])).mustPrepare)
        #expect(cache.count == 2)
    }

    @Test("attempts come later and later, within their bounds, and side by side count once")
    func attemptPlan() {
        var random = SplitMix(state: 1)
        var attempts = AttemptPlan(
            Backoff(first: .nanoseconds(100), longest: .nanoseconds(1000)))
        #expect(attempts.nextAttempt == 0)
        var now: Int64 = 0
        for (round, ceiling) in [100, 200, 400, 800, 1000, 1000].enumerated() {
            attempts.failed(startedAt: now, now: now, using: &random)
            let delay = attempts.nextAttempt - now
            #expect(delay >= Int64(ceiling / 2) && delay <= Int64(ceiling), "round \(round)")
            let next = attempts.nextAttempt
            attempts.failed(startedAt: now - 1, now: now + 1, using: &random)
            #expect(attempts.nextAttempt == next)
            now = next
        }
        #expect(attempts.isInDoubt)
        attempts.succeeded()
        #expect(attempts.nextAttempt == 0 && !attempts.isInDoubt)
    }

    @Test("a queue keeps its order through any mix of ends")
    func fifo() {
        var random = SplitMix(state: 7)
        var fifo = FIFO<Int>()
        var model: [Int] = []
        for number in 0..<20_000 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                fifo.append(number)
                model.append(number)
            case 9 where number % 50 == 0:
                fifo.removeAll { $0 % 3 == 0 }
                model.removeAll { $0 % 3 == 0 }
            default:
                #expect(fifo.popFirst() == (model.isEmpty ? nil : model.removeFirst()))
            }
            #expect(fifo.count == model.count && fifo.first == model.first)
        }
        var seen: [Int] = []
        fifo.forEach { seen.append($0) }
        #expect(seen == model && fifo.removeAll() == model && fifo.isEmpty)
    }

    @Test("interpolation binds values and joins statements with their parameters renumbered")
    func sql() {
        let owner = "a'; DROP TABLE x"
        let filter: SQL = "owner = \(owner) AND size > \(5)"
        let sql: SQL =
            "SELECT \(constant: "a, b") FROM t WHERE x = \(true) AND \(filter) LIMIT \(9)"
        #expect(sql.text == "SELECT a, b FROM t WHERE x = $1 AND owner = $2 AND size > $3 LIMIT $4")
        #expect(sql.parameters.types == [16, 25, 20, 20])
        #expect(sql.parameters.sizes == [1, 16, 8, 8])
        let none: SQL = "SELECT \(nil as Int?)"
        #expect(none.parameters.sizes == [-1] && none.parameters.types == [20])
        #expect((("SELECT 1" as SQL) + " WHERE \(1)").text == "SELECT 1 WHERE $1")
    }

    @Test("which statements may run where")
    func policy() {
        for text in ["SELECT 1", "insert into t", "WITH x AS ()", "-- \n SELECT", "NOTIFY x"] {
            #expect(StatementPolicy.isAllowedOnShared(text), "\(text)")
            #expect(StatementPolicy.isAllowedInTransaction(text), "\(text)")
        }
        for text in ["ROLLBACK TO s", "SAVEPOINT s", "SET LOCAL x = 1", "LOCK t"] {
            #expect(!StatementPolicy.isAllowedOnShared(text), "\(text)")
            #expect(StatementPolicy.isAllowedInTransaction(text), "\(text)")
        }
        for text in ["ROLLBACK", "ROLLBACK AND CHAIN", "Commit", "COPY t FROM STDIN", "", " "] {
            #expect(text.isEmpty || text == " " || !StatementPolicy.isAllowedInTransaction(text))
        }
    }
}
