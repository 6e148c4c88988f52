package import CheckModel
package import Platform

/// Where the leader serves node-agents, as it published it.
package struct LeaderEndpoint: Hashable, Sendable {
    /// Host and port, such as `10.0.0.7:5005` or `[::1]:5005`.
    package let address: String
    /// The pin of its public key, `sha256//<base64>` as libcurl spells it; nil if the leader did not publish one.
    package let publicKeyPin: String?

    /// An endpoint.
    package init(address: String, publicKeyPin: String?) {
        self.address = address
        self.publicKeyPin = publicKeyPin
    }
}

/// What this replica knows of leadership.
package enum LeadershipState: Sendable {
    /// No election result yet.
    case unknown
    /// Another replica leads, or none is known to (nil).
    case following(LeaderEndpoint?)
    /// This replica leads, while the term is valid.
    case leading(Term)
}

/// Who leads, for the Handler to follow. The composition root gives it one made of the LeaderElector, or one fixed term.
package protocol Leadership: Sendable {
    /// The state now, and its changes. A term that passed its `validUntil` may still stand here for a moment: the reader checks.
    var state: Watched<LeadershipState> { get }
}

/// Where configs come from, for the Dispatcher to reconcile against. `DesiredConfigs` has exactly this shape.
package protocol ConfigSource: Sendable {
    /// The changes after `version`; from 0 the whole set.
    func changes(since version: UInt64) -> DesiredChanges

    /// Returns when the version differs from `version`, or throws `CancellationError`.
    func waitForChange(after version: UInt64) async throws
}

extension DesiredConfigs: ConfigSource {}
