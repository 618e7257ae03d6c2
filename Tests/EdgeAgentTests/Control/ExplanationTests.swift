import Foundation
import Hardware
import SharedModels
import Testing

@testable import Agent

/// Every word that an agent gives has its sentence, and the same one everywhere.
@Suite("Explanations")
struct ExplanationTests {
    @Test("each says what it means and what to do", arguments: Explanation.all)
    func isWhole(one: Explanation) {
        for text in [one.sentence, one.advice] {
            #expect(text.hasSuffix(".") && text.utf8.count > 10, "\(one.word): \(text)")
        }
        #expect(one.word.allSatisfy { $0.isLowercase || $0 == "_" })
        #expect(Explanation.of(one.word).contains(one))
    }

    @Test("no word is there twice of a kind, and all that is given is there")
    func isComplete() {
        for kind in Explanation.Kind.allCases {
            let words = Explanation.all.filter { $0.kind == kind }.map(\.word)
            #expect(Set(words).count == words.count && !words.isEmpty)
        }
        for fault in [BoardEvent.Fault.linkLost, .watchdog, .onMax, .brownOut, .wiredStop] {
            #expect(BoardFault(fault).rawValue == fault.word)
            #expect(BoardFault(told: fault.word) == BoardFault(fault))
        }
        #expect(BoardFault(told: "fault_77") == .unknown && BoardFault(told: "") == nil)
        for refusal in Refusal.allCases {
            #expect(!Explanation.of(Reason(refusal).rawValue).isEmpty)
        }
    }

    @Test("docs/refusals.md is made of them; make golden rewrites it")
    func page() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "docs/refusals.md")
        var text = """
            # Refusals, faults and flashings

            What an agent says when it does not do something, and what to do. `cuelight-agent doctor` names those that
            happened, with how often; `cuelight-agent doctor WORD` explains one; the console shows the sentences.

            """
        for kind in Explanation.Kind.allCases {
            text += "\n## \(kind.rawValue)\n\n| word | what it means | what to do |\n"
            text += "| --- | --- | --- |\n"
            for one in Explanation.all where one.kind == kind {
                text += "| `\(one.word)` | \(one.sentence) | \(one.advice) |\n"
            }
        }
        if ProcessInfo.processInfo.environment["CUELIGHT_GOLDEN"] == "write" {
            try Data(text.utf8).write(to: file)
        }
        #expect(try String(contentsOf: file, encoding: .utf8) == text)
    }

    @Test("the console has the same sentence for each fault")
    func console() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Sources/ControlPlane/Web/Pages/console/faults.js")
        let page = try String(contentsOf: file, encoding: .utf8)
        for fault in BoardFault.allCases {
            #expect(page.contains("\(fault.rawValue): {"), "\(fault)")
            for text in [fault.sentence, fault.advice] {
                #expect(page.contains("\"\(text)\""), "\(text)")
            }
        }
    }

    @Test("doctor names each reason once, the most frequent first, with how often")
    func refusals() {
        func outcome(_ status: Outcome.Status, _ reason: Reason?, _ detail: String = "") -> Outcome
        {
            Outcome(
                command: CommandID(high: 1, low: 1), status: status,
                reason: reason?.rawValue ?? "", detail: detail, endedAtMilliseconds: 0,
                trace: Trace(id: "", clock: "", arrivedNanoseconds: 0))
        }
        let found = Doctor.refusals(in: [
            outcome(.rejected, .locked), outcome(.executed, nil), outcome(.expired, .late, "first"),
            outcome(.expired, .late, "The last detail."),
        ])
        #expect(
            found == [
                Finding(
                    .note, "refusal late", "2 times among the latest commands: The last detail.",
                    advice: Reason.late.advice),
                Finding(
                    .note, "refusal locked",
                    "once among the latest commands: \(Reason.locked.sentence)",
                    advice: Reason.locked.advice),
            ])
    }
}
