import NodeAgentAPI
import Platform

/// The token that node-agents present: from an option or a file.
enum AgentToken: Sendable {
    case fixed(String)
    case file(RereadFile)

    /// Takes the one of the two options that is given.
    ///
    /// - Throws: `StartError` when neither or both are, or the file cannot be used.
    init(_ options: Options, clock: any Clock) throws(StartError) {
        let file = options[AgentOptions.authTokenFile]
        switch (options.isGiven(AgentOptions.authToken), !file.isEmpty) {
        case (true, true):
            throw .usage("--cluster_agent.auth_token and --cluster_agent.auth_token_file: give one of them, not both")
        case (true, false):
            self = .fixed(options[AgentOptions.authToken])
        case (false, true):
            do throws(FileError) {
                self = .file(
                    try RereadFile(file, every: .seconds(1), clock: clock, accepts: AgentOptions.tokenProblem))
            } catch {
                throw StartError("--cluster_agent.auth_token_file: \(error)")
            }
        case (false, false):
            throw .usage(
                "--cluster_agent.auth_token_file=FILE is needed: the token that node-agents present; "
                    + "`openssl rand -hex 32 > FILE` makes one")
        }
    }

    /// Keeps `tokens` what the file says, until cancelled.
    func follow(into tokens: Tokens, clock: any Clock, log: Log) async {
        var (current, problem) = (text, FileError?.none)
        while (try? await clock.sleep(until: clock.now() + .seconds(2))) != nil {
            guard case .file(let file) = self else { continue }
            if file.text != current {
                current = file.text
                tokens.replace(with: [current])
                log.info("the token changed", ["file": file.path])
            }
            if let found = file.problem, found != problem {
                log.warning("the token file cannot be used; the last good token stays", ["problem": found])
            }
            problem = file.problem
        }
    }

    /// The token now.
    var text: String {
        switch self {
        case .fixed(let text): text
        case .file(let file): file.text
        }
    }
}
