import CheckModel
import Platform

/// Which former configs of an object stay in use, because what its author wrote instead cannot be used.
///
/// A broken edit then takes no check away. What was removed in the same edit stays with it, until the object is mended:
/// what its author meant is not known before.
struct KeptConfigs: Hashable {
    /// The sources of which something cannot be used: their former configs stay.
    private(set) var sources: Set<ExactText> = []
    /// Those of which a part cannot be used: a former one, which is whole, stays instead.
    private(set) var partial: Set<ConfigKey> = []
    /// Whether some of the new configs are of templates that were written before.
    var hasStandIns = false
    /// How much an object may give; nothing is kept beyond it.
    let limit: ConfigLimit

    /// Nothing is kept yet.
    init(limit: ConfigLimit) {
        self.limit = limit
    }

    /// Something of this source cannot be used.
    mutating func keep(source: String) {
        sources.insert(ExactText(source))
    }

    /// Something of this config cannot be used.
    mutating func keep(instead key: ConfigKey) {
        partial.insert(key)
    }
}
