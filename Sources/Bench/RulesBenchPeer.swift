import Foundation
import SharedModels

/// What people would write in Python for the same rules and events: one lambda for each rule, and
/// the packages `rule-engine` and `business-rules` where they can be imported. Their work is less
/// than ours (nothing is folded, words and prefixes are found anywhere), which is in their favour.
enum RulesBenchPeer {
    /// What Python measured: events a second and matches of an event, by the peer's name.
    struct Figures {
        var rates: [(peer: String, eventsPerSecond: Double, matches: Double)] = []
    }

    /// Runs the peers for a few seconds; empty if there is no Python.
    static func measure(_ rules: [Rule], _ events: [LiveEvent]) throws -> Figures {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("cuelight-bench-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { removeFolder(folder) }
        let script = folder.appendingPathComponent("peer.py")
        let show = folder.appendingPathComponent("show.json")
        try source.write(to: script, atomically: true, encoding: .utf8)
        try JSONEncoder().encode(Show(rules, events)).write(to: show)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", script.path, show.path]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let text = String(
            decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return parse(text)
    }

    private static func removeFolder(_ folder: URL) {
        do {
            try FileManager.default.removeItem(at: folder)
        } catch {
            print("could not remove \(folder.path): \(error)")
        }
    }

    private static func parse(_ text: String) -> Figures {
        var figures = Figures()
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: " ")
            guard parts.count == 3, let rate = Double(parts[1]), let matches = Double(parts[2])
            else { continue }
            figures.rates.append((String(parts[0]), rate, matches))
        }
        return figures
    }

    /// The rules and events as flat as Python likes them.
    private struct Show: Encodable {
        struct PlainRule: Encodable {
            var type: String
            var gift: Int64?
            var low: Int?
            var high: Int?
            var text: String?
            var isExact = false
            var role: UInt16?
        }

        struct PlainEvent: Encodable {
            var type: String
            var gift: Int64 = 0
            var coins = 0
            var text = ""
            var roles: UInt16
        }

        var rules: [PlainRule]
        var events: [PlainEvent]

        init(_ rules: [Rule], _ events: [LiveEvent]) {
            self.rules = rules.map { rule in
                var plain = PlainRule(type: rule.trigger.type)
                if case .gift(let match) = rule.trigger {
                    (plain.gift, plain.low, plain.high) = (
                        match.giftID, match.coinsMin, match.coinsMax
                    )
                }
                if case .comment(let match?) = rule.trigger {
                    (plain.text, plain.isExact) = (match.text, match.mode == .exact)
                }
                if case .anyRole(let roles) = rule.conditions.first { plain.role = roles.rawValue }
                return plain
            }
            self.events = events.map { event in
                var plain = PlainEvent(
                    type: event.happening.type, roles: event.viewer?.roles.rawValue ?? 0)
                if case .gift(let sent) = event.happening {
                    (plain.gift, plain.coins) = (sent.gift.id, sent.gift.coins)
                }
                if case .comment(let text) = event.happening { plain.text = text }
                return plain
            }
        }
    }

    private static let source = """
        import json, sys, time
        show = json.load(open(sys.argv[1]))
        rules, events = show["rules"], show["events"]

        def measure(name, match, seconds=2.0):
            seen = hits = 0
            start = time.perf_counter()
            while time.perf_counter() - start < seconds:
                hits += match(events[seen % len(events)])
                seen += 1
            print(name, seen / (time.perf_counter() - start), hits / seen, flush=True)

        def code(rule, has, both):
            parts = ["type == %r" % rule["type"]]
            if rule.get("gift") is not None: parts.append("gift == %d" % rule["gift"])
            if rule.get("low") is not None: parts.append("coins >= %d" % rule["low"])
            if rule.get("high") is not None: parts.append("coins <= %d" % rule["high"])
            if rule.get("text") is not None:
                parts.append(("%r == text" if rule["isExact"] else has) % rule["text"])
            if rule.get("role") is not None: parts.append(both % rule["role"])
            return " and ".join(parts)

        def lambdas():
            source = ["lambda type, gift, coins, text, roles: " + code(r, "%r in text", "roles & %d")
                      for r in rules if r["type"] != "like_milestone"]
            compiled = [eval(s) for s in source]
            def match(e):
                a = (e["type"], e["gift"], e["coins"], e["text"].lower(), e["roles"])
                return sum(1 for f in compiled if f(*a))
            measure("python-lambdas", match)

        def rule_engine_package():
            import rule_engine
            compiled = [rule_engine.Rule(code(r, "%r in text", "roles & %d")) for r in rules
                        if r["type"] != "like_milestone"]
            measure("rule-engine", lambda e: sum(1 for r in compiled if r.matches(e)))

        def business_rules_package():
            from business_rules.engine import check_conditions_recursively
            from business_rules.variables import (BaseVariables, numeric_rule_variable,
                string_rule_variable, boolean_rule_variable)
            class Variables(BaseVariables):
                def __init__(self, e): self.e = e
                @string_rule_variable
                def type(self): return self.e["type"]
                @numeric_rule_variable
                def gift(self): return self.e["gift"]
                @numeric_rule_variable
                def coins(self): return self.e["coins"]
                @string_rule_variable
                def text(self): return self.e["text"]
            for bit in range(6):
                def held(self, bit=bit): return bool(self.e["roles"] >> bit & 1)
                held.__name__ = "role%d" % bit
                setattr(Variables, held.__name__, boolean_rule_variable(held))
            def tree(r):
                out = [dict(name="type", operator="equal_to", value=r["type"])]
                if r.get("gift") is not None:
                    out.append(dict(name="gift", operator="equal_to", value=r["gift"]))
                if r.get("low") is not None:
                    out.append(dict(name="coins", operator="greater_than_or_equal_to", value=r["low"]))
                if r.get("high") is not None:
                    out.append(dict(name="coins", operator="less_than_or_equal_to", value=r["high"]))
                if r.get("text") is not None:
                    how = "equal_to" if r["isExact"] else "contains"
                    out.append(dict(name="text", operator=how, value=r["text"]))
                if r.get("role") is not None:
                    name = "role%d" % (r["role"].bit_length() - 1)
                    out.append(dict(name=name, operator="is_true", value=True))
                return {"all": out}
            trees = [tree(r) for r in rules if r["type"] != "like_milestone"]
            def match(e):
                v = Variables(e)
                return sum(1 for t in trees if check_conditions_recursively(t, v))
            measure("business-rules", match)

        for peer in (lambdas, rule_engine_package, business_rules_package):
            try: peer()
            except ImportError: pass
        """
}
