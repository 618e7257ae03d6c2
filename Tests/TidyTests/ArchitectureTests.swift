import Foundation
import Testing

/// What the architecture promises, checked on the text of the repository.
@Suite("Architecture")
struct ArchitectureTests {
    private static let domainsFolder = "Sources/ControlPlane/Domains"
    private static let domains = Repository.names(in: domainsFolder)
    private static let swift = Repository.files(in: "Sources", ending: ".swift")

    @Test("the repository's top level holds only what a newcomer expects")
    func topLevel() {
        let expected: Set = [
            "Package.swift", "Makefile", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE",
            "Sources", "Tests", "hardware", "docs", "deploy",
        ]
        let found = Repository.names(in: "").filter { !$0.hasPrefix(".") }
        #expect(Set(found).subtracting(expected).isEmpty)
        #expect(expected.subtracting(found).isEmpty)
    }

    @Test("no domain imports a domain")
    func domainsAreApart() {
        for file in Self.swift where file.path.hasPrefix(Self.domainsFolder) {
            for name in Self.domains {
                let imports = file.lines.contains { $0.hasSuffix("import \(name)") }
                #expect(!imports, "\(file.path) imports the domain \(name)")
            }
        }
    }

    @Test("a domain has a README and a front door")
    func domainsHaveDoors() {
        #expect(!Self.domains.isEmpty)
        for name in Self.domains {
            #expect(Repository.exists("\(Self.domainsFolder)/\(name)/README.md"), "\(name)")
            #expect(Repository.exists("\(Self.domainsFolder)/\(name)/\(name).swift"), "\(name)")
        }
    }

    @Test("each C library is imported by one Swift module")
    func oneWrapper() {
        // Linux calls are no library; the wrappers around descriptors use them too.
        let shared: Set = ["CLinux", "FirmwareCore"]
        var users: [String: Set<String>] = [:]
        for file in Self.swift {
            for line in file.lines where line.contains("import C") || line.contains("import F") {
                guard let module = line.split(separator: " ").last.map(String.init),
                    module.dropFirst().first?.isUppercase ?? false, !shared.contains(module)
                else { continue }
                let folder = file.path.split(separator: "/").dropLast().prefix(4)
                users[module, default: []].insert(folder.joined(separator: "/"))
            }
        }
        #expect(users["CPostgres"] != nil, "the search finds nothing")
        for (module, folders) in users {
            let modules = Set(folders.map(Self.module(of:)))
            #expect(modules.count == 1, "\(module) is imported by \(modules.sorted())")
        }
    }

    /// The module a folder belongs to: the first three or four levels, by the layout.
    private static func module(of folder: String) -> String {
        let levels = folder.split(separator: "/")
        let depth =
            levels.dropFirst().first == "ControlPlane" && levels.dropFirst(2).first != "App" ? 4 : 3
        return levels.prefix(depth).joined(separator: "/")
    }

    @Test("SQL stands in stores alone")
    func sqlInStores() throws {
        let pattern = try Regex("\\b(SELECT .+ FROM|INSERT INTO|DELETE FROM|UPDATE \\w+\\.\\w+)\\b")
        for file in Self.swift where file.path.hasPrefix(Self.domainsFolder) {
            guard !file.name.contains("Store"), !file.path.contains("/Store/") else { continue }
            for (index, line) in file.lines.enumerated() {
                #expect(line.firstMatch(of: pattern) == nil, "\(file.path):\(index + 1)")
            }
        }
    }
}
