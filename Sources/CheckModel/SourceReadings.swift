package import Platform

/// When the newest complete reading of each kind of source began.
///
/// A reading shows its source as it was at that instant, or later. It is `.distantPast` until the source has been read
/// once, and `.distantFuture` if the source is not enabled: nothing of it will ever come.
package struct SourceReadings: Hashable, Sendable {
    /// Of the Services.
    package var services: Instant
    /// Of the endpoints of the Services.
    package var endpoints: Instant
    /// Of the config files.
    package var files: Instant
    /// Of the ClusterChecks.
    package var clusterChecks: Instant
    /// Of the targets that HTTP service discovery lists, for the source of the keys of each URL that is asked.
    package var discovered: [ExactText: Instant] = [:]

    /// Readings; nothing has been read unless it is said.
    package init(
        services: Instant = .distantPast, endpoints: Instant = .distantPast, files: Instant = .distantPast,
        clusterChecks: Instant = .distantPast
    ) {
        self.services = services
        self.endpoints = endpoints
        self.files = files
        self.clusterChecks = clusterChecks
    }

    /// When the earliest of them began.
    package var earliest: Instant { discovered.values.reduce(min(services, endpoints, files, clusterChecks), min) }

    /// When the readings began on which a config of this key depends: the earliest of them.
    ///
    /// A config that is not in the desired set did not exist at that instant, or no longer.
    package func began(of key: ConfigKey) -> Instant {
        let source = ExactText(key.source)
        // A file may name Services whose addresses or endpoints its configs are about.
        if source.hasPrefix("file:") { return min(files, services, endpoints) }
        if source.hasPrefix(ConfigKey.clusterCheckPrefix) { return clusterChecks }
        // A URL that is asked no more lists nothing.
        if source.hasPrefix(ConfigKey.discoveryPrefix) { return discovered[source] ?? .distantFuture }
        return source.hasPrefix("kube_endpoint_uid://") ? min(services, endpoints) : services
    }
}
