import JSON
import Kubernetes
import Platform
import Synchronization

/// Knows whose tokens are, or gives no answer.
final class ScriptedReviewer: TokenReviewing {
    struct State {
        /// What it says of the tokens that it knows; it refuses others.
        var verdicts: [String: TokenVerdict] = [:]
        var failure: KubernetesError?
        /// Every token that it was asked about, in order.
        var asked: [String] = []
    }

    let state = Mutex(State())

    var asked: [String] { state.withLock { $0.asked } }

    func evidentProblem(of token: ServiceAccountToken, now: WallTime) -> String? {
        if let expiry = token.expiry, expiry <= now { return "it has expired" }
        return token.audiences == [TokenReviewer.audience] ? nil : "another audience"
    }

    func review(_ token: String, deadline: Instant) async throws(KubernetesError) -> TokenVerdict {
        let (failure, verdict) = state.withLock { state in
            state.asked.append(token)
            return (state.failure, state.verdicts[token])
        }
        if let failure { throw failure }
        return verdict ?? .refused("not known")
    }

    /// A token of our audience, which is of this pod's if `node` is not nil.
    func token(_ pod: String, on node: String?, audience: String = TokenReviewer.audience, expiry: Int64? = nil)
        -> String
    {
        let token = Self.token(pod, audience: audience, expiry: expiry)
        if let node {
            state.withLock {
                $0.verdicts[token] = .pod(TokenPod(namespace: "agents", name: pod, node: node))
            }
        }
        return token
    }

    static func token(_ name: String, audience: String = TokenReviewer.audience, expiry: Int64? = nil) -> String {
        var claims: [ExactText: JSONValue] = [
            "aud": .array([.string(audience)]), "sub": .string("system:serviceaccount:agents:node-agent"),
            "jti": .string(name),
        ]
        if let expiry { claims["exp"] = .number(String(expiry)) }
        var encoded: [UInt8] = []
        Base64.encode(JSONValue.object(claims).encoded(), into: &encoded)
        let part = String(decoding: encoded, as: UTF8.self).split(separator: "=").joined()
        return "e30.\(part).c2lnbmF0dXJl"
    }
}
