/// One step of the database's schema: SQL text with a number and a name.
package struct Migration: Equatable, Sendable {
    /// 1…9999. Each domain has a block of a hundred and counts up in it, from …00 or …01.
    package let number: Int
    /// `NNNN_domain_what`, the name of its file.
    package let name: String
    package let sql: String

    /// - Parameter name: `NNNN_domain_what`, in lowercase; nil if it is anything else.
    package init?(name: String, sql: String) {
        let parts = name.utf8.split(separator: UInt8(ascii: "_"), omittingEmptySubsequences: false)
        let isWord: (UInt8) -> Bool = { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) }
        guard parts.count >= 3, parts[0].count == 4,
            parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy(isWord) }),
            let number = Int(String(Substring(parts[0]))), number > 0
        else { return nil }
        self.number = number
        self.name = name
        self.sql = sql
    }

    /// The hundred that it belongs to.
    var block: Int { number / 100 }
    var domain: Substring { name.split(separator: "_")[1] }
}

/// Why the migrations of this program and those of the database do not fit. Nothing was changed.
package enum MigrationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Two files with one number, or not in the order of numbers.
    case disordered(name: String)
    /// A number in its block is missing before this one.
    case gap(before: String)
    /// The block belongs to another domain.
    case wrongBlock(name: String, domain: String)
    /// The file is not what the database was changed with.
    case changed(name: String)
    /// The database has a migration that this program does not know: the program is too old.
    case unknown(name: String)
    /// It is older than one of its block that was applied already.
    case late(name: String)
    /// The text contains COMMIT, ROLLBACK or the like.
    case endedTransaction(name: String)

    package var description: String {
        switch self {
        case .disordered(let name): "migration \(name) is out of order"
        case .gap(let name): "a migration is missing before \(name)"
        case .wrongBlock(let name, let domain):
            "migration \(name) is in the block of \(domain)"
        case .changed(let name): "migration \(name) was changed after it was applied"
        case .unknown(let name): "the database has migration \(name), which is not known here"
        case .late(let name): "migration \(name) comes before one that was applied already"
        case .endedTransaction(let name): "migration \(name) ends its own transaction"
        }
    }
}

/// Which migrations a database needs. Pure.
struct MigrationPlan {
    /// A migration as the database remembers it.
    struct Applied: Equatable {
        let number: Int
        let name: String
        let sha256: [UInt8]
    }

    let migrations: [Migration]

    /// Checks the numbers and names of a program's migrations.
    init(_ migrations: [Migration]) throws(MigrationError) {
        for (index, migration) in migrations.enumerated() {
            let previous = index > 0 ? migrations[index - 1] : nil
            if let previous, previous.number >= migration.number {
                throw .disordered(name: migration.name)
            }
            if let previous, previous.block == migration.block {
                guard migration.number == previous.number + 1 else {
                    throw .gap(before: migration.name)
                }
                guard migration.domain == previous.domain else {
                    throw .wrongBlock(name: migration.name, domain: String(previous.domain))
                }
            } else if migration.number % 100 > 1 {
                throw .gap(before: migration.name)
            }
        }
        self.migrations = migrations
    }

    /// What is to be applied, in order.
    /// - Parameter hashes: SHA-256 of each migration's text.
    func pending(
        after applied: [Applied], hashes: [[UInt8]]
    ) throws(MigrationError) -> [Migration] {
        let known = Dictionary(
            zip(migrations, hashes).map { ($0.number, ($0, $1)) }, uniquingKeysWith: { $1 })
        var newest: [Int: Int] = [:]
        for old in applied {
            guard let (migration, hash) = known[old.number] else { throw .unknown(name: old.name) }
            guard migration.name == old.name, hash == old.sha256 else {
                throw .changed(name: old.name)
            }
            newest[migration.block] = max(newest[migration.block] ?? 0, old.number)
        }
        let done = Set(applied.map(\.number))
        let pending = migrations.filter { !done.contains($0.number) }
        for migration in pending where migration.number < newest[migration.block] ?? 0 {
            throw .late(name: migration.name)
        }
        return pending
    }
}
