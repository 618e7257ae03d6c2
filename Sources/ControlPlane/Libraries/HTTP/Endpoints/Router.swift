/// Finds the endpoint of a request: a tree by path segments. Fixed text goes before parameters;
/// `uuid` before `integer` before `string` before `rest`. Two endpoints with the same method and
/// the same shape of path are a programmer's error and stop the process.
package struct Router: Sendable {
    package enum Match: Sendable {
        /// The endpoint's index, and the values of its path parameters in order.
        case found(Int, [String])
        /// The path is known, the method is not; these are.
        case wrongMethod([Method])
        case none
    }

    private struct Node: Sendable {
        var children: [String: Int] = [:]
        /// By kind, in the order they are tried.
        var parameters: [(kind: PathPattern.Kind, node: Int)] = []
        var endpoints: [Method: Int] = [:]
    }

    private static let order: [PathPattern.Kind] = [.uuid, .integer, .string, .rest]
    private var nodes = [Node()]

    package init(_ routes: [(method: Method, path: PathPattern)]) {
        for (index, route) in routes.enumerated() { add(route.method, route.path, index) }
    }

    package func match(_ method: Method, _ segments: [String]) -> Match {
        var values: [String] = []
        guard let node = find(segments[...], from: 0, &values) else { return .none }
        let endpoints = nodes[node].endpoints
        // HEAD is answered by what answers GET.
        if let index = endpoints[method] ?? (method == .head ? endpoints[.get] : nil) {
            return .found(index, values)
        }
        return .wrongMethod(endpoints.keys.sorted())
    }

    private func find(
        _ segments: ArraySlice<String>, from start: Int, _ values: inout [String]
    ) -> Int? {
        guard let first = segments.first else {
            return nodes[start].endpoints.isEmpty ? nil : start
        }
        if let child = nodes[start].children[first],
            let found = find(segments.dropFirst(), from: child, &values)
        {
            return found
        }
        for (kind, node) in nodes[start].parameters {
            if kind == .rest {
                values.append(segments.joined(separator: "/"))
                return node
            }
            guard kind.matches(first) else { continue }
            values.append(first)
            if let found = find(segments.dropFirst(), from: node, &values) { return found }
            values.removeLast()
        }
        return nil
    }

    private mutating func add(_ method: Method, _ path: PathPattern, _ index: Int) {
        var node = 0
        for segment in path.segments {
            switch segment {
            case .text(let text):
                if let known = nodes[node].children[text] {
                    node = known
                } else {
                    nodes.append(Node())
                    nodes[node].children[text] = nodes.count - 1
                    node = nodes.count - 1
                }
            case .parameter(_, let kind): node = child(of: node, kind)
            }
        }
        let previous = nodes[node].endpoints.updateValue(index, forKey: method)
        precondition(previous == nil, "two endpoints for \(method.rawValue) \(path)")
    }

    private mutating func child(of node: Int, _ kind: PathPattern.Kind) -> Int {
        if let known = nodes[node].parameters.first(where: { $0.kind == kind }) {
            return known.node
        }
        nodes.append(Node())
        let rank = Self.order.firstIndex(of: kind) ?? 0
        let position =
            nodes[node].parameters.firstIndex {
                (Self.order.firstIndex(of: $0.kind) ?? 0) > rank
            } ?? nodes[node].parameters.count
        nodes[node].parameters.insert((kind, nodes.count - 1), at: position)
        return nodes.count - 1
    }
}
