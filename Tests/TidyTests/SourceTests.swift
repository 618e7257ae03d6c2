import Foundation
import Testing

/// What a machine can judge of style.
@Suite("Source")
struct SourceTests {
    private static let swift = Repository.files(in: "Sources", ending: ".swift")

    /// The code of a line: comments and what stands in quotes left out.
    private static func code(_ line: Substring) -> String {
        var code = ""
        var isQuoted = false
        for character in line {
            if character == "\"" { isQuoted.toggle() }
            if !isQuoted { code.append(character) }
            if code.hasSuffix("//") { return String(code.dropLast(2)) }
        }
        return code
    }

    @Test("nothing is forced: no try!, no as!")
    func nothingForced() {
        for file in Self.swift where !file.path.hasPrefix("Sources/Bench/") {
            for (index, line) in file.lines.enumerated() {
                let code = Self.code(line)
                #expect(!code.contains("try!"), "\(file.path):\(index + 1)")
                #expect(!code.contains(" as!"), "\(file.path):\(index + 1)")
            }
        }
    }

    @Test("@unchecked Sendable says why it is safe")
    func uncheckedIsExplained() {
        for file in Self.swift {
            let lines = file.lines
            for (index, line) in lines.enumerated()
            where Self.code(line).contains("@unchecked Sendable") {
                let near = lines[max(0, index - 3)...min(lines.count - 1, index + 4)]
                #expect(near.contains { $0.contains("// Safe:") }, "\(file.path):\(index + 1)")
            }
        }
    }

    @Test("a swallowed error says why")
    func swallowedIsExplained() {
        for file in Self.swift where !file.path.hasPrefix("Sources/Bench/") {
            let lines = file.lines
            for (index, line) in lines.enumerated() where Self.code(line).contains("try? ") {
                let near = lines[max(0, index - 4)...index]
                #expect(near.contains { $0.contains("//") }, "\(file.path):\(index + 1)")
            }
        }
    }

    @Test("nothing is public: there is one package and no outside user")
    func nothingIsPublic() {
        for file in Self.swift {
            for (index, line) in file.lines.enumerated() {
                let code = Self.code(line).drop { $0 == " " }
                #expect(!code.hasPrefix("public "), "\(file.path):\(index + 1)")
            }
        }
    }
}
