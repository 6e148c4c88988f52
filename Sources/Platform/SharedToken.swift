/// A token that both ends of a connection share: set by an option, or read from a file that may change.
package enum SharedToken: Sendable {
    case fixed(String)
    case file(RereadFile)

    /// The option that holds the token itself, rather than the path of its file; `help` says whose token it is.
    package static func option(help: String) -> Option<String> {
        .text(
            "cluster_agent.auth_token", allowed: "32 characters or more", help: help, isSecret: true,
            accepts: { $0.isEmpty || problem($0) == nil })
    }

    /// The option that names the file of the token.
    package static let fileOption = Option.text(
        "cluster_agent.auth_token_file",
        help: "File with that token, of 32 characters or more; read again when it changes.")

    /// The token from whichever of two options is set.
    ///
    /// - Parameters:
    ///   - value: the option that holds the token.
    ///   - file: the option that names the file of the token, which is read again every `interval`.
    /// - Throws: `StartError` if both options or neither are set, or if the file cannot be used.
    package init(
        _ options: Options, value: Option<String>, file: Option<String>, every interval: Duration, clock: any Clock
    ) throws(StartError) {
        switch (options[value].isEmpty, options[file].isEmpty) {
        case (false, false):
            throw .usage("--\(value.key) and --\(file.key): set one of them, not both")
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

    /// The current token.
    package var text: String {
        switch self {
        case .fixed(let text): text
        case .file(let file): file.text
        }
    }

    /// A new token of 64 hexadecimal digits, 256 random bits.
    package static func new(_ entropy: any Entropy) -> String {
        (0..<4).map { _ in zeroPadded(entropy.next(), width: 16, radix: 16) }.joined()
    }

    /// What is wrong with a token; nil if it is acceptable. A token shorter than 32 characters can be guessed.
    package static func problem(_ token: String) -> String? {
        guard token.utf8.count >= 32 else {
            return "a token has 32 characters or more; `openssl rand -hex 32` makes one"
        }
        let isPlain = token.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
        return isPlain ? nil : "a token has no spaces, control or non-ASCII characters"
    }
}
