internal import HTTP
internal import SharedModels

/// The endpoints of the domain.
struct RulesRoutes {
    let service: RulesService
    let schema: RulesSchema

    private static let tag = "rules"
    private static let list: PathPattern = "/api/v1/workspaces/{workspace_id:uuid}/rules"
    private static let one: PathPattern =
        "/api/v1/workspaces/{workspace_id:uuid}/rules/{rule_id:uuid}"
    private static let bodySizeMax = 64 * 1024

    var endpoints: [Endpoint] { [make, page, get, replace, setEnabled, delete] }

    private var make: Endpoint {
        Endpoint(
            .post, Self.list, "Make a rule", tag: Self.tag,
            access: .permission("workspace.operate"), rate: .write,
            body: .json(schema.body, limit: Self.bodySizeMax), answer: .item(schema.rule),
            status: .created, isIdempotent: true, errors: [.conflict]
        ) { [service] call in
            let body: RuleBody = try call.body()
            let draft = body.rule(RuleID(high: 0, low: 0), of: try call.id("workspace_id"))
            return try .item(RuleJSON(try await service.make(draft)), status: .created)
        }
    }

    private var page: Endpoint {
        Endpoint(
            .get, Self.list, "Rules in the order of their making", tag: Self.tag,
            access: .permission("workspace.watch"), rate: .read, query: [.limit, .cursor],
            answer: .page(of: schema.rule)
        ) { [service] call in
            let after: RuleID? = call.queryID("cursor")
            if after == nil, call.query("cursor") != nil {
                throw HTTPError.invalid([.init(path: "cursor", message: "is not of this list")])
            }
            let (rules, next) = try await service.rules(
                of: try call.id("workspace_id"), after: after, limit: call.limit())
            return try .page(rules.map(RuleJSON.init), nextCursor: next?.description)
        }
    }

    private var get: Endpoint {
        Endpoint(
            .get, Self.one, "One rule", tag: Self.tag, access: .permission("workspace.watch"),
            rate: .read, answer: .item(schema.rule), errors: [.notFound]
        ) { [service] call in
            let stored = try await service.rule(
                try call.id("rule_id"), of: try call.id("workspace_id"))
            return try .item(RuleJSON(stored))
        }
    }

    private var replace: Endpoint {
        Endpoint(
            .put, Self.one, "Replace a rule", tag: Self.tag,
            access: .permission("workspace.operate"), rate: .write,
            body: .json(schema.body, limit: Self.bodySizeMax), answer: .item(schema.rule),
            errors: [.notFound, .conflict]
        ) { [service] call in
            let body: RuleBody = try call.body()
            let rule = body.rule(try call.id("rule_id"), of: try call.id("workspace_id"))
            return try .item(
                RuleJSON(try await service.replace(with: rule, version: body.version)))
        }
    }

    private var setEnabled: Endpoint {
        Endpoint(
            .patch, Self.one, "Switch a rule on or off", tag: Self.tag,
            access: .permission("workspace.operate"), rate: .write,
            body: .json(.object([.required("is_enabled", .boolean)]), limit: 1024),
            answer: .item(schema.rule), errors: [.notFound]
        ) { [service] call in
            let body: EnabledBody = try call.body()
            let stored = try await service.setEnabled(
                body.isEnabled, try call.id("rule_id"), of: try call.id("workspace_id"))
            return try .item(RuleJSON(stored))
        }
    }

    private var delete: Endpoint {
        Endpoint(
            .delete, Self.one, "Delete a rule", tag: Self.tag,
            access: .permission("workspace.operate"), rate: .write, answer: .nothing,
            errors: [.notFound]
        ) { [service] call in
            try await service.delete(try call.id("rule_id"), of: try call.id("workspace_id"))
            return .empty()
        }
    }
}
