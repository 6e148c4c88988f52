package import Platform

/// The replicas whose mirror of a term is complete, as the holder of the Lease names them in it (in-sync replicas).
package struct NamedMirrors: Hashable, Sendable {
    /// The token of the mirrored term.
    @ExactText package private(set) var term: String
    /// The identities of the replicas, each once, in the order of their bytes.
    package let replicas: [ExactText]

    /// The mirrors of one term. The replicas may come in any order.
    package init(term: String, replicas: some Sequence<ExactText>) {
        self.term = term
        self.replicas = Set(replicas).sorted()
    }

    /// Whether the replica with this identity is among them.
    package func contains(_ identity: String) -> Bool {
        replicas.contains(ExactText(wrappedValue: identity))
    }
}
