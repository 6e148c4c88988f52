package import CheckModel

/// Where configs come from, for the Dispatcher to reconcile against. `DesiredConfigs` has exactly this shape.
package protocol ConfigSource: Sendable {
    /// The changes after `version`; from 0 the whole set.
    func changes(since version: UInt64) -> DesiredChanges

    /// Returns when the version differs from `version`, or throws `CancellationError`.
    func waitForChange(after version: UInt64) async throws
}

extension DesiredConfigs: ConfigSource {}
