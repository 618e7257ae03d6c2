extension CommandLineProgram {
    /// A shell that can complete a program's words.
    package enum Shell: String, Sendable, CaseIterable {
        case bash, zsh, fish
    }

    /// What may stand in a place of the command line.
    enum Candidates: Equatable {
        case none
        case files
        case folders
        case choices([String])

        init(value: String, choices: [String]) {
            if !choices.isEmpty {
                self = .choices(choices)
            } else {
                switch value {
                case "FILE", "PATH": self = .files
                case "FOLDER": self = .folders
                default: self = .none
                }
            }
        }
    }

    /// The shell's own script that completes this program: commands, flags, and what a flag or a
    /// word may be. A value that help calls FILE or PATH is completed as a file, FOLDER as a folder.
    package func completions(for shell: Shell) -> String {
        switch shell {
        case .bash: bashCompletions
        case .zsh: zshCompletions
        case .fish: fishCompletions
        }
    }

    /// The first word that a command takes; what stands behind it is not completed.
    private func candidates(wordOf command: Command) -> Candidates {
        guard let word = command.words.first else { return .none }
        let isCommand = command.name == "help"
        return Candidates(
            value: word.name, choices: isCommand ? commands.map(\.name) : word.choices)
    }

    private func flagNames(of command: Command) -> [String] {
        command.flags.map { "--\($0.name)" } + ["--help"]
    }

    /// A function's name in a shell.
    private var identifier: String {
        String(name.map { $0.isLetter || $0.isNumber ? $0 : "_" })
    }

    // bash

    private var bashCompletions: String {
        var text = """
            # Completes \(name) in bash. Written by "\(name) completions bash".

            _\(identifier)() {
                local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
                local command=${COMP_WORDS[1]}
                COMPREPLY=()
                compopt +o filenames 2>/dev/null
                # bash cuts --flag=value into three words.
                if [ "$word" = "=" ]; then
                    word=
                elif [ "$before" = "=" ]; then
                    before=${COMP_WORDS[COMP_CWORD - 2]}
                fi
                if [ "$COMP_CWORD" -eq 1 ]; then
                    COMPREPLY=($(compgen -W "\(Self.list(commands.map(\.name) + ["--help", "--version"]))" -- "$word"))
                    return
                fi
                case $command in

            """
        for command in commands {
            text += "    \(command.name))\n"
            let taking = command.flags.filter { !$0.value.isEmpty }
            if !taking.isEmpty {
                text += "        case $before in\n"
                for flag in taking {
                    let values = Candidates(value: flag.value, choices: flag.choices)
                    text += "        --\(flag.name))\n"
                    text += Self.bash(values, indent: 12) + "            return ;;\n"
                }
                text += "        esac\n"
            }
            text += "        case $word in\n        -*)\n"
            text += Self.bash(.choices(flagNames(of: command)), indent: 12)
            text += "            ;;\n        *)\n"
            let words = Self.bash(candidates(wordOf: command), indent: 12)
            text += words + "            ;;\n        esac ;;\n"
        }
        return text + "    esac\n}\ncomplete -F _\(identifier) \(name)\n"
    }

    private static func bash(_ candidates: Candidates, indent: Int) -> String {
        let space = String(repeating: " ", count: indent)
        return switch candidates {
        case .none: ""
        case .files: bashNames("-f", space)
        case .folders: bashNames("-d", space)
        case .choices(let choices):
            "\(space)COMPREPLY=($(compgen -W \"\(list(choices))\" -- \"$word\"))\n"
        }
    }

    /// Names may hold spaces: one a line.
    private static func bashNames(_ kind: String, _ space: String) -> String {
        """
        \(space)compopt -o filenames 2>/dev/null
        \(space)mapfile -t COMPREPLY < <(compgen \(kind) -- "$word")

        """
    }

    private static func list(_ words: [String]) -> String { words.joined(separator: " ") }

    // zsh

    private var zshCompletions: String {
        var text = """
            #compdef \(name)
            # Completes \(name) in zsh. Written by "\(name) completions zsh".

            _\(identifier)() {
                local curcontext=$curcontext state line
                typeset -A opt_args
                local -a commands
                commands=(

            """
        for command in commands {
            text += "        \(Self.quoted(Self.zshEscaped(command.name) + ":" + command.short))\n"
        }
        text += """
                )
                _arguments -C '(- *)'{-h,--help}'[print the commands]' \\
                    '(- *)'{-V,--version}'[print the release]' '1:command:->command' '*::argument:->argument'
                case $state in
                command) _describe -t commands command commands ;;
                argument)
                    case $words[1] in

            """
        for command in commands {
            text += "        \(command.name))\n            _arguments -s"
            for flag in command.flags { text += " \\\n                \(zsh(flag))" }
            text += " \\\n                '(- *)'{-h,--help}'[print this]'"
            if let word = command.words.first {
                let action = Self.zshAction(candidates(wordOf: command))
                let about = Self.zshEscaped(word.about)
                text +=
                    " \\\n                \(Self.quoted("\(word.isNeeded ? "1:" : "1::")\(about):\(action)"))"
            }
            text += " ;;\n"
        }
        return text + """
                    esac ;;
                esac
            }

            if [ "$funcstack[1]" = "_\(identifier)" ]; then
                _\(identifier) "$@"
            else
                compdef _\(identifier) \(name)
            fi

            """
    }

    private func zsh(_ flag: Flag) -> String {
        var text = flag.isRepeated ? "*" : ""
        text += "--\(flag.name)" + (flag.value.isEmpty ? "" : "=")
        text += "[\(Self.zshEscaped(flag.about))]"
        if !flag.value.isEmpty {
            let action = Self.zshAction(Candidates(value: flag.value, choices: flag.choices))
            text += ":\(Self.zshEscaped(flag.value)):\(action)"
        }
        return Self.quoted(text)
    }

    private static func zshAction(_ candidates: Candidates) -> String {
        switch candidates {
        case .none: " "
        case .files: "_files"
        case .folders: "_files -/"
        case .choices(let choices): "(\(list(choices)))"
        }
    }

    /// What `_arguments` and `_describe` would read as syntax.
    private static func zshEscaped(_ text: String) -> String {
        text.map { "\\:[]".contains($0) ? "\\\($0)" : "\($0)" }.joined()
    }

    private static func quoted(_ text: String) -> String {
        "'" + text.map { $0 == "'" ? "'\\''" : "\($0)" }.joined() + "'"
    }

    // fish

    private var fishCompletions: String {
        let names = Self.list(commands.map(\.name))
        let first = "not __fish_seen_subcommand_from \(names)"
        var text = """
            # Completes \(name) in fish. Written by "\(name) completions fish".

            complete -c \(name) -f
            complete -c \(name) -s h -l help -d 'print this'
            complete -c \(name) -n '\(first)' -s V -l version -d 'print the release'

            """
        for command in commands {
            text += "complete -c \(name) -n '\(first)' -a \(command.name)"
            text += " -d \(Self.fishQuoted(command.short))\n"
        }
        for command in commands {
            let used = "complete -c \(name) -n '__fish_seen_subcommand_from \(command.name)'"
            for flag in command.flags {
                let values = Candidates(value: flag.value, choices: flag.choices)
                text += "\(used) -l \(flag.name)"
                text += flag.value.isEmpty ? "" : " -r" + Self.fish(values)
                text += " -d \(Self.fishQuoted(flag.about))\n"
            }
            // Only the first word behind the command is completed.
            let words = candidates(wordOf: command)
            if words != .none { text += "\(used)\(Self.fish(words))\n" }
        }
        return text
    }

    private static func fish(_ candidates: Candidates) -> String {
        switch candidates {
        case .none: " -f"
        case .files: " -F"
        case .folders: " -f -a '(__fish_complete_directories)'"
        case .choices(let choices): " -f -a '\(list(choices))'"
        }
    }

    private static func fishQuoted(_ text: String) -> String {
        "'" + text.map { $0 == "'" || $0 == "\\" ? "\\\($0)" : "\($0)" }.joined() + "'"
    }
}
