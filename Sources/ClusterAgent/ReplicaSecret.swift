import HTTPServer
import Platform
import Replica
import Synchronization

/// The secret by which replicas know each other: a file's, else one that is made of the private key that all of them
/// are given. Whoever has only the agents' token cannot read or hold up what the leader tells its followers.
struct ReplicaSecret: Sendable {
    private enum Origin {
        case file(RereadFile)
        case key(RereadFile)
    }

    /// What replicas present to each other.
    let tokens: ReplicaTokens
    /// How far apart kubelets update the files of pods at most.
    private static let spread = Duration.seconds(90)
    private let newest: @Sendable () -> String
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
            newest = { [origin] in (try? Self.secret(of: origin)) ?? "" }
            // So long after a change the former secret is presented. A replica that has had the new one for longest
            // still accepts it then.
            let lag = max(.zero, min(Self.spread, options[AgentOptions.authTokenGrace] - Self.spread))
            let presented = PresentedSecret(newest, lag: lag, clock: clock)
            tokens = ReplicaTokens(accepted: accepted, presented: { presented.text })
        } catch {
            throw StartError("--\(file.key): \(error)")
        }
    }

    /// Keeps what is accepted equal to what the file says, until cancelled.
    func follow(clock: any Clock) async {
        await tokens.accepted.follow(every: .seconds(2), clock: clock) {
            // A leader presents it to nobody, and must see a change all the same.
            _ = tokens.presented()
            return newest()
        }
    }

    private static func secret(of origin: Origin) throws(HTTPServerError) -> String {
        switch origin {
        case .file(let file): file.text
        case .key(let file):
            try TLSIdentity.secret(for: "cluster-agent replicas", derivedFrom: Array(file.text.utf8))
        }
    }
}

/// The secret to present: the newest one, but for a while after a change the one before it.
private final class PresentedSecret: Sendable {
    private struct State {
        var newest: String
        var former: (text: String, until: Instant)?
    }

    private let read: @Sendable () -> String
    private let lag: Duration
    private let clock: any Clock
    private let state: Mutex<State>

    init(_ read: @escaping @Sendable () -> String, lag: Duration, clock: any Clock) {
        (self.read, self.lag, self.clock) = (read, lag, clock)
        state = Mutex(State(newest: read()))
    }

    var text: String {
        let (read, now) = (read(), clock.now())
        return state.withLock { state in
            if !read.hasSameBytes(as: state.newest) {
                // Of two changes in a short time the others may have seen neither.
                let former = state.former.flatMap { now < $0.until ? $0.text : nil } ?? state.newest
                state = State(newest: read, former: (former, now + lag))
            }
            guard let former = state.former, now < former.until, !former.text.isEmpty else { return state.newest }
            return former.text
        }
    }
}
