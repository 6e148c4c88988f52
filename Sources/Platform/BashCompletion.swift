/// The script with which bash completes a program's commands and options: what `completion` prints.
struct BashCompletion {
    let program: String
    /// The commands, each with its words and its options without the dashes.
    let commands: [(words: [String], options: [String])]

    /// For `source <(PROGRAM completion)`, or a file in `/etc/bash_completion.d`.
    var script: String {
        let function = "_" + String(program.map { $0.isLetter || $0.isNumber ? $0 : "_" })
        let cases = commands.map { command in
            let next = commands.filter { $0.words.count > command.words.count && $0.words.starts(with: command.words) }
                .map { $0.words[command.words.count] }
            let words = (next + command.options.map { "--\($0)" }).joined(separator: " ")
            return "        '\(command.words.joined(separator: " "))') words='\(words)' ;;"
        }
        let known = "|" + commands.map { $0.words.joined(separator: " ") }.joined(separator: "|") + "|"
        let first = Set(texts: commands.compactMap(\.words.first)).sorted().map(\.text).joined(separator: " ")
        return """
            # Completes the commands and options of \(program) in bash:  source <(\(program) completion)
            \(function)() {
                local current=${COMP_WORDS[COMP_CWORD]} command='' word words
                for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
                    # Values of options are no part of the command.
                    [[ ' \(known) ' != *"|${command:+$command }$word|"* ]] || command+="${command:+ }$word"
                done
                case $command in
                    '') words='\(first) --help' ;;
            \(cases.joined(separator: "\n"))
                    *) return ;;
                esac
                mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
            }
            complete -o default -F \(function) \(program)

            """
    }
}
