internal import CSchema
package import Postgres

/// The migrations that this program was built with, in order.
package enum Schema {
    package static let migrations: [Migration] = {
        let bytes = UnsafeBufferPointer(start: cue_schema_text(), count: cue_schema_size())
        return bytes.split(separator: 0).map { file in
            let text = String(decoding: file, as: UTF8.self)
            guard let migration = Migration(file: text) else {
                preconditionFailure("a migration must begin with `-- NNNN_domain_what`: \(text)")
            }
            return migration
        }
    }()
}
