import HTTPServer
import Platform
import Replica

/// The secret by which replicas know each other: a file's, else one that is made of the private key that all of them
/// are given. Whoever has only the agents' token cannot read or hold up what the leader tells its followers.
struct ReplicaSecret: Sendable {
    private enum Origin {
        case file(RereadFile)
        case key(RereadFile)
    }

    /// What replicas present to each other.
    let tokens: ReplicaTokens
    private let origin: Origin

    /// Nil if neither file is given: each replica then has a key of its own, and no store is mirrored.
    ///
    /// - Throws: `StartError` if the file cannot be used.
    init?(_ options: Options, clock: any Clock) throws(StartError) {
        let (file, key) = (AgentOptions.replicaTokenFile, AgentOptions.keyFile)
        do {
            if !options[file].isEmpty {
                origin = .file(
                    try RereadFile(
                        options[file], every: .seconds(1), clock: clock, accepts: { SharedToken.problem($0) }))
            } else if !options[key].isEmpty {
                origin = .key(try RereadFile(options[key], every: .seconds(10), clock: clock))
            } else {
                return nil
            }
            let accepted = BearerTokens(try Self.secret(of: origin), grace: options[AgentOptions.authTokenGrace])
            tokens = ReplicaTokens(
                accepted: accepted, presented: { [origin] in (try? Self.secret(of: origin)) ?? "" })
        } catch {
            throw StartError("--\(file.key): \(error)")
        }
    }

    /// Keeps what is accepted equal to what the file says, until cancelled.
    func follow(clock: any Clock) async {
        await tokens.accepted.follow(every: .seconds(2), clock: clock, tokens.presented)
    }

    private static func secret(of origin: Origin) throws(HTTPServerError) -> String {
        switch origin {
        case .file(let file): file.text
        case .key(let file):
            try TLSIdentity.secret(for: "cluster-agent replicas", derivedFrom: Array(file.text.utf8))
        }
    }
}
