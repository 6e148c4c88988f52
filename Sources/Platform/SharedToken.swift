/// A token that both ends of a connection know: fixed by an option, or a file's that may change.
package enum SharedToken: Sendable {
    /// Given by an option; never changes.
    case fixed(String)
    /// Read again when the file changes.
    case file(RereadFile)

    /// The option that gives the token itself; `help` says whose it is.
    package static func option(help: String) -> Option<String> {
        .text(
            "cluster_agent.auth_token", allowed: "32 characters or more", help: help, isSecret: true,
            accepts: { $0.isEmpty || problem($0) == nil })
    }

    /// The option that names the token's file.
    package static let fileOption = Option.text(
        "cluster_agent.auth_token_file",
        help: "File with that token, of 32 characters or more; read again when it changes.")

    /// Takes the one of two options that is given.
    ///
    /// - Parameters:
    ///   - value: the option that gives the token itself.
    ///   - file: the option that names a file; the file is looked at again after `interval`.
    /// - Throws: `StartError` when neither or both are given, or the file cannot be used.
    package init(
        _ options: Options, value: Option<String>, file: Option<String>, every interval: Duration, clock: any Clock
    ) throws(StartError) {
        switch (options[value].isEmpty, options[file].isEmpty) {
        case (false, false):
            throw .usage("--\(value.key) and --\(file.key): give one of them, not both")
        case (false, true):
            self = .fixed(options[value])
        case (true, false):
            do throws(FileError) {
                self = .file(
                    try RereadFile(options[file], every: interval, clock: clock, accepts: { Self.problem($0) }))
            } catch {
                throw StartError("--\(file.key): \(error)")
            }
        case (true, true):
            throw .usage(
                "--\(file.key)=FILE is needed: the token that the cluster-agent and its node-agents share; "
                    + "`openssl rand -hex 32 > FILE` makes one")
        }
    }

    /// The token now.
    package var text: String {
        switch self {
        case .fixed(let text): text
        case .file(let file): file.text
        }
    }

    /// What is wrong with a token; nil if it can be used. Tokens shorter than 32 characters can be guessed.
    package static func problem(_ token: String) -> String? {
        guard token.utf8.count >= 32 else {
            return "a token has 32 characters or more; `openssl rand -hex 32` makes one"
        }
        let isPlain = token.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
        return isPlain ? nil : "a token has no spaces, control or non-ASCII characters"
    }
}
