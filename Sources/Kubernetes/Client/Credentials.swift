import HTTPClient
import Platform
import Synchronization

/// The trust and the identity of a client, partly from files that are replaced from time to time: they are read again
/// once they are older than 60 s. If a file cannot be used, its last good contents stay.
final class Credentials: Sendable {
    /// A file of PEM, and what it is.
    struct Part: Sendable {
        /// What a file can hold.
        enum Kind: Sendable {
            case authority, certificate, key
        }

        let file: RereadFile
        private let kind: Kind

        /// - Throws: `FileError` if the file cannot be read, or is no PEM of its kind.
        init(_ kind: Kind, _ path: String, clock: any Clock) throws(FileError) {
            self.kind = kind
            let label = kind == .key ? PEM.privateKey : PEM.certificate
            file = try RereadFile(path, every: BearerToken.fileInterval, clock: clock) {
                PEM.problem(in: $0, label: label)
            }
        }

        func put(_ text: String, into trust: inout TLSTrust) {
            let pem = Array(text.utf8)
            switch kind {
            case .authority: trust.caPEM = pem
            case .certificate: trust.clientCertificatePEM = pem
            case .key: trust.clientKeyPEM = pem
            }
        }
    }

    /// The credentials of one request.
    struct Reading: Equatable {
        let token: String?
        let trust: TLSTrust
    }

    private struct State {
        var trust: TLSTrust
        var texts: [String]
        var readAt: Instant
        var told: [FileError] = []
    }

    /// Our token, if we have one.
    let token: BearerToken?
    private let parts: [Part]
    private let clock: any Clock
    private let state: Mutex<State>

    /// - Parameters:
    ///   - constant: what does not change.
    ///   - parts: the rest.
    init(_ constant: TLSTrust = TLSTrust(), _ parts: [Part] = [], token: BearerToken?, clock: any Clock) {
        self.token = token
        self.parts = parts
        self.clock = clock
        let texts = parts.map(\.file.text)
        var trust = constant
        for (part, text) in zip(parts, texts) { part.put(text, into: &trust) }
        state = Mutex(State(trust: trust, texts: texts, readAt: clock.now()))
    }

    /// The newest good trust; equal to the one before if nothing has changed. Its files are read together, so that a
    /// certificate fits its key.
    var trust: TLSTrust {
        let now = clock.now()
        let isFresh = parts.isEmpty || state.withLock { $0.readAt + BearerToken.fileInterval > now }
        if !isFresh { reread() }
        return state.withLock { $0.trust }
    }

    /// The credentials of a request that is sent now.
    var reading: Reading {
        Reading(token: token?.text, trust: trust)
    }

    /// Reads everything again after a 401.
    ///
    /// - Returns: whether the credentials differ from the rejected ones.
    func differ(from refused: Reading) -> Bool {
        reread()
        return Reading(token: token?.reread(), trust: trust) != refused
    }

    /// Reads the files of the trust now, whatever their age: after a failed handshake.
    func reread() {
        let texts = parts.map { $0.file.reread() }
        let now = clock.now()
        state.withLock { state in
            state.readAt = now
            guard state.texts != texts else { return }
            state.texts = texts
            for (part, text) in zip(parts, texts) { part.put(text, into: &state.trust) }
        }
    }

    /// Why the newest readings failed, if this has changed since the last call; empty once all files can be used again.
    ///
    /// Several clients share these credentials: each change is reported to one of them.
    func takeNewProblems() -> [FileError]? {
        let problems = (parts.map(\.file.problem) + [token?.problem]).compactMap { $0 }
        return state.withLock { state in
            guard state.told != problems else { return nil }
            state.told = problems
            return problems
        }
    }
}
