import Kubernetes

/// What is kept of a Service between two events.
struct KnownService {
    /// How much of a Service may be needed again.
    enum Need {
        /// Its annotations too: they describe checks of its endpoints, which change without it.
        case everything
        /// What a file's template is bound to.
        case target
        case nothing
    }

    /// Boxed: most need none.
    private indirect enum Kept {
        case nothing
        case service(Service)
    }

    /// A hash of what checks are made of, keyed anew in each process: a Service with the same one has the same checks.
    let fingerprint: Int
    private let kept: Kept

    init(_ service: Service, keeps need: Need) {
        var reduced = service
        reduced.metadata.labels = service.labels.filter { $0.key.hasPrefix("tags.datadoghq.com/") }
        let resourceVersion = reduced.metadata.resourceVersion
        // Only the object's version may differ, and labels that are no tags.
        reduced.metadata.resourceVersion = ""
        fingerprint = reduced.hashValue
        reduced.metadata.resourceVersion = resourceVersion
        switch need {
        case .nothing:
            kept = .nothing
        case .target:
            reduced.metadata.annotations = [:]
            kept = .service(reduced)
        case .everything:
            kept = .service(reduced)
        }
    }

    /// The Service, as far as it may be needed; nil if it is not.
    var service: Service? {
        if case .service(let service) = kept { service } else { nil }
    }
}
