package import Platform

/// A text that outlives this process. All replicas share it; of two that replace the same version, one succeeds.
///
/// Each function returns by its deadline. None retries.
package protocol KeptText: Sendable {
    /// The kept text with its version; nil if nothing is kept yet.
    ///
    /// - Throws: `KubernetesError`; then nothing is known.
    func read(deadline: Instant) async throws(KubernetesError) -> VersionedText?

    /// Keeps `text` in place of the one that was read with `version`; nil: nothing was kept.
    ///
    /// - Returns: the new version.
    /// - Throws: `.status` with code 409 if something else is kept by now: read it first. `.requestTooLarge` if the
    ///   text is too large. After any other error the text may have been kept.
    func write(
        _ text: String, replacing version: String?, deadline: Instant
    ) async throws(KubernetesError) -> String
}

/// A kept text as it was read.
package struct VersionedText: Hashable, Sendable {
    /// The text.
    @ExactText package private(set) var text: String
    /// Its version; opaque, compare for equality only.
    @ExactText package private(set) var version: String

    /// A text with its version.
    package init(text: String, version: String) {
        self.text = text
        self.version = version
    }
}
