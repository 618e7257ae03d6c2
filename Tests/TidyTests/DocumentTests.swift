import Foundation
import Testing

/// Documents, migrations and boards: what must stand together.
@Suite("Documents")
struct DocumentTests {
    @Test("no Markdown link into the repository is dead")
    func linksLive() throws {
        let pattern = try Regex("\\]\\(([^)#\\s]+)(#[^)]*)?\\)")
        var documents = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"].compactMap { name in
            (try? String(contentsOf: Repository.root.appending(path: name), encoding: .utf8))
                .map { Repository.File(path: name, text: $0) }
        }
        #expect(documents.count == 3)
        for folder in ["docs", "Sources", "deploy", "hardware", "Tests"] {
            documents += Repository.files(in: folder, ending: ".md")
        }
        for document in documents {
            let folder = document.path.split(separator: "/").dropLast().joined(separator: "/")
            for match in document.text.matches(of: pattern) {
                guard let target = match.output[1].substring, !target.contains("://") else {
                    continue
                }
                let base = Repository.root.appending(path: folder)
                let path = base.appending(path: String(target)).standardizedFileURL.path()
                #expect(
                    FileManager.default.fileExists(atPath: path), "\(document.path): \(target)")
            }
        }
    }

    @Test("every test that a promise names exists, and every fault's case is named")
    func promisesAreTested() throws {
        let page = try String(
            contentsOf: Repository.root.appending(path: "docs/hardware-promises.md"),
            encoding: .utf8)
        let places: [(kind: String, folder: String, ending: String)] = [
            ("system", "Tests/SystemTests", ".py"), ("board", "Sources/Firmware/Tests", ".py"),
            ("core", "Sources/Firmware/Tests", ".c"), ("agent", "Tests/EdgeAgentTests", ".swift"),
            ("package", "Tests/PackageTests", ".py"),
        ]
        for (kind, folder, ending) in places {
            let text = Repository.files(in: folder, ending: ending).map(\.text).joined()
            let names = page.matches(of: try Regex("`\(kind): ([^`]+)`")).compactMap {
                $0.output[1].substring
            }
            #expect(kind == "package" || !names.isEmpty, "no \(kind) tests are named")
            for name in names {
                let isThere = text.contains("\"\(name)\"") || text.contains("def \(name)(")
                #expect(isThere, "\(kind): \(name)")
            }
        }
        let cases = try #require(
            Repository.files(in: "Tests/SystemTests", ending: "fault_cases.py").first)
        let names = cases.text.matches(of: try Regex("@(?:case|beside)\ndef ([a-z_]+)\\("))
            .compactMap { $0.output[1].substring }
        #expect(names.count >= 6)
        for name in names { #expect(page.contains("`system: \(name)`"), "\(name)") }
    }

    @Test("migrations are numbered, named after a domain, and all embedded")
    func migrationsAreInOrder() throws {
        let folder = "Sources/ControlPlane/Database"
        let names = Repository.names(in: "\(folder)/Migrations").filter { $0.hasSuffix(".sql") }
        let pattern = try Regex("^[0-9]{4}_[a-z]+_[a-z_]+\\.sql$")
        #expect(!names.isEmpty)
        #expect(Set(names.map { $0.prefix(4) }).count == names.count, "two with one number")
        let embedding = Repository.files(in: "\(folder)/CSchema", ending: ".c", ".h", ".inc")
            .map(\.text).joined()
        for name in names {
            #expect(name.wholeMatch(of: pattern) != nil, "\(name)")
            #expect(embedding.contains(name.dropLast(4)), "\(name) is not embedded")
        }
    }

    @Test("a board has its description, wiring, bill of materials and code")
    func boardsAreWhole() {
        let boards = Repository.names(in: "hardware/boards").filter { $0.hasSuffix(".json") }
            .map { String($0.dropLast(5)) }
        #expect(boards.contains("uno"))
        for board in boards {
            let path = Repository.root.appending(path: "hardware/boards/\(board).json")
            let text = (try? String(contentsOf: path, encoding: .utf8)) ?? ""
            let families = text.matches(of: /"family": "([a-z0-9]+)"/)
            // Simulated boards have no family, and no pins to wire.
            guard let family = families.first.map({ String($0.output.1) }) else { continue }
            #expect(Repository.exists("Sources/Firmware/Boards/\(family)"), "\(board)")
            if family == "rv32" { continue }
            #expect(Repository.exists("hardware/bom/\(board).csv"), "\(board)")
            let wiring = ["md", "svg"].map { "hardware/wiring/\(board).\($0)" }
            #expect(wiring.contains(where: Repository.exists), "\(board)")
        }
    }
}
