/// One thing that is wrong with the configuration.
package struct ConfigProblem: Hashable, Sendable, CustomStringConvertible {
    /// `section.key`, or the name of the environment variable that set it.
    package let key: String
    package let problem: String
    /// The line of the file; nil for what is missing or comes from the environment.
    package let line: Int?

    package init(key: String, problem: String, line: Int?) {
        self.key = key
        self.problem = problem
        self.line = line
    }

    package var description: String {
        line.map { "line \($0): \(key): \(problem)" } ?? "\(key): \(problem)"
    }
}

/// All that is wrong with a configuration, so that one attempt shows everything.
package struct ConfigError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file, or "configuration".
    package let source: String
    package let problems: [ConfigProblem]

    package init(source: String, problems: [ConfigProblem]) {
        self.source = source
        self.problems = problems
    }

    package var description: String {
        problems.map { "\(source): \($0)" }.joined(separator: "\n")
    }
}
