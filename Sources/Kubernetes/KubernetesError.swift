/// What went wrong between this process and the Kubernetes API, said so that an operator knows where to look.
package enum KubernetesError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The configuration (environment, service account, kubeconfig, options of the election) is unusable.
    case configuration(String)
    /// No answer came: name resolution, connection, TLS or time.
    case transport(String)
    /// An answer was larger than may be kept, in bytes. A page of a list is read again with fewer objects.
    case answerTooLarge(limit: Int)
    /// A text is larger than may be kept, in bytes; it was not sent.
    case requestTooLarge(limit: Int)
    /// The API server answered with an error.
    case status(Status)
    /// An answer could not be understood: where in it, and why.
    case malformed(place: String, reason: String)

    /// One line for a log.
    package var description: String {
        switch self {
        case .configuration(let reason): reason
        case .transport(let reason): "no answer from the Kubernetes API: \(reason)"
        case .answerTooLarge(let limit): "an answer of the Kubernetes API is larger than \(limit) bytes"
        case .requestTooLarge(let limit): "a text to keep is larger than \(limit) bytes"
        case .status(let status): status.description
        case .malformed(let place, let reason): "malformed answer of the Kubernetes API: \(place): \(reason)"
        }
    }
}
