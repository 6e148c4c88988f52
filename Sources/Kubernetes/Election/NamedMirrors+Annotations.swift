package import Leadership
package import Platform

extension NamedMirrors {
    /// Reads what a Lease's annotations name. Nil, which means nobody, unless both annotations are there, neither is
    /// empty, and no identity is.
    package init?(annotations: [ExactText: ExactText]) {
        guard let term = annotations[LeaderElectionOptions.termAnnotation], !term.isEmpty,
            let list = annotations[LeaderElectionOptions.mirroredByAnnotation]
        else { return nil }
        // By scalars: a comma and an accent after it are one character.
        let replicas = list.text.unicodeScalars.split(separator: ",", omittingEmptySubsequences: false)
        guard replicas.allSatisfy({ !$0.isEmpty }) else { return nil }
        self.init(term: term.text, replicas: replicas.map { ExactText(String($0)) })
    }

    /// The annotations that name them; none if they would not be read as the same, such as for an identity with a
    /// comma.
    package var annotations: [ExactText: ExactText] {
        let annotations: [ExactText: ExactText] = [
            ExactText(LeaderElectionOptions.termAnnotation): ExactText(term),
            ExactText(LeaderElectionOptions.mirroredByAnnotation): ExactText(
                replicas.map(\.text).joined(separator: ",")),
        ]
        return NamedMirrors(annotations: annotations) == self ? annotations : [:]
    }
}

extension Lease {
    /// The mirrors that it names; nil for none.
    package var namedMirrors: NamedMirrors? {
        NamedMirrors(annotations: annotations)
    }

    /// The token of the term whose mirror a replica may adopt when its write replaces this version of the Lease; nil
    /// unless this version names the replica and the term was held with this very Lease.
    package func adoptable(by identity: String) -> ExactText? {
        guard let uid, let mirrors = namedMirrors, mirrors.contains(identity) else { return nil }
        // A token is `<resourceVersion>.<uid>`.
        let parts = mirrors.term.utf8.split(
            separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, parts[1].elementsEqual(uid.utf8) else { return nil }
        return ExactText(mirrors.term)
    }
}
