internal import Platform

/// JSON to be written, in the order given, indented by two.
indirect enum JSONTree {
    case text(String)
    case integer(Int64)
    case number(Double)
    case bool(Bool)
    case array([JSONTree])
    case object([(String, JSONTree)])

    var text: String {
        var out = ""
        write(to: &out, indent: 0)
        return out
    }

    private func write(to out: inout String, indent: Int) {
        switch self {
        case .text(let text): JSONText.append(text, to: &out)
        case .integer(let number): out += String(number)
        case .number(let number): out += String(number)
        case .bool(let flag): out += flag ? "true" : "false"
        case .array(let items):
            Self.list(items, "[", "]", &out, indent) { $0.write(to: &$1, indent: indent + 1) }
        case .object(let members):
            Self.list(members, "{", "}", &out, indent) { member, out in
                JSONText.append(member.0, to: &out)
                out += ": "
                member.1.write(to: &out, indent: indent + 1)
            }
        }
    }

    private static func list<Item>(
        _ items: [Item], _ open: String, _ close: String, _ out: inout String, _ indent: Int,
        _ write: (Item, inout String) -> Void
    ) {
        guard !items.isEmpty else {
            out += open + close
            return
        }
        out += open
        for (index, item) in items.enumerated() {
            out += index == 0 ? "\n" : ",\n"
            out += String(repeating: "  ", count: indent + 1)
            write(item, &out)
        }
        out += "\n" + String(repeating: "  ", count: indent) + close
    }
}
