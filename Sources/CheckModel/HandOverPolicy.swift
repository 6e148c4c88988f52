/// How a check is handed over from one node-agent to another, as the author of its config wants it.
package enum HandOverPolicy: String, CaseIterable, Sendable {
    /// A restart of its node-agent moves nothing within a grace. Otherwise as `overlap`.
    case sticky
    /// The new node-agent starts it first. The old one lets go once the new one has confirmed.
    case overlap
    /// The old node-agent stops it first, so that it does not run on two: within the bounds that the README gives.
    case exclusive
}
