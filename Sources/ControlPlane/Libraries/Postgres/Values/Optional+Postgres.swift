extension Optional: PostgresEncodable where Wrapped: PostgresEncodable {
    package static var postgresType: PostgresType { Wrapped.postgresType }
    package var isPostgresNull: Bool { self?.isPostgresNull ?? true }
    package func encode(to buffer: inout PostgresBuffer) { self?.encode(to: &buffer) }
}

extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {
    package static func accepts(_ type: PostgresType) -> Bool { Wrapped.accepts(type) }
    package static var postgresNull: Wrapped?? { .some(.none) }
    package init(from cell: PostgresCell) throws(PostgresCellError) {
        self = try Wrapped(from: cell)
    }
}

extension Optional: PostgresArrayElement, PostgresValue where Wrapped: PostgresValue {
    package static var postgresArrayType: PostgresType { Wrapped.postgresArrayType }
}
