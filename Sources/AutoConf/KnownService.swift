import Kubernetes
import Platform

/// What is kept of a Service between two events.
struct KnownService {
    /// What of a Service is needed again.
    enum Need {
        /// All of it. Its annotations describe endpoints checks, and endpoints change without their Service.
        case everything
        /// What the template of a file is bound to.
        case target
        case nothing
    }

    /// Boxed, since most Services need no more than their fingerprint.
    private indirect enum Kept {
        case nothing
        case service(Service)
    }

    /// A hash, with a key of this process, of everything that affects checks: all but the resource version, and labels
    /// that are not tags.
    let fingerprint: Int
    private let kept: Kept

    init(_ service: Service, keeps need: Need) {
        var reduced = service
        reduced.metadata.labels = service.labels.filter { $0.key.hasPrefix("tags.datadoghq.com/") }
        reduced.metadata.resourceVersion = ""
        fingerprint = reduced.hashValue
        switch need {
        case .nothing:
            kept = .nothing
        case .target:
            reduced.metadata.annotations = [:]
            kept = .service(reduced)
        case .everything:
            reduced.metadata.resourceVersion = service.resourceVersion
            kept = .service(reduced)
        }
    }

    /// The Service, as far as it was kept; nil if it was not.
    var service: Service? {
        if case .service(let service) = kept { service } else { nil }
    }
}
