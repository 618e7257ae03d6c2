internal import CSchema
package import Postgres

/// The migrations that this program was built with, in order.
package enum Schema {
    package static let migrations: [Migration] = {
        let texts = UnsafeBufferPointer(start: cue_schema_texts(), count: cue_schema_size())
            .split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        let names = fileNames(in: String(cString: cue_schema_list()))
        precondition(names.count == texts.count, "a migration is empty or has a zero byte")
        return zip(names, texts).map { name, text in
            guard let migration = Migration(name: name, sql: text) else {
                preconditionFailure("a migration is called NNNN_domain_what, not \(name)")
            }
            return migration
        }
    }()

    /// The file names in lines such as `#embed "../Migrations/NNNN_domain_what.sql" …`.
    private static func fileNames(in list: String) -> [String] {
        list.split(separator: "\n").filter { $0.hasPrefix("#embed") }.compactMap { line in
            guard let path = line.split(separator: "\"").dropFirst().first,
                let file = path.split(separator: "/").last, file.hasSuffix(".sql")
            else { return nil }
            return String(file.dropLast(4))
        }
    }
}
