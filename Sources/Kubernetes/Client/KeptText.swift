package import Platform

/// A text that was kept, and its version.
package struct VersionedText: Hashable, Sendable {
    package let text: String
    package let version: String
    package init(text: String, version: String) {
        self.text = text
        self.version = version
    }
}

/// A text that outlives this process.
package protocol KeptText: Sendable {
    func read(deadline: Instant) async throws(KubernetesError) -> VersionedText?
    func write(_ text: String, replacing version: String?, deadline: Instant) async throws(KubernetesError) -> String
}
