package import CheckModel

/// A config that goes from one node to another, of which the former may still run it. For each config and node the
/// store so knows *assigned* (`Node.configs`), *told* (`Node.told`) and, once it has ended, *confirmed*.
///
/// - An exclusive config is withheld from its new node until the former one has confirmed a set without it, or is gone.
/// - Any other one the former node is told to keep, until the new one has confirmed a set with it, or the former is
///   gone.
///
/// At most two nodes are told to run a config: if it moves again meanwhile, the node in between is told at once to let
/// go, and does so with its next call.
package struct HandOver: Sendable {
    /// The config, with the bytes that the former node was told.
    package let config: EncodedConfig
    /// The slot of the former node; nil if any node may run it, since nobody knows which does.
    let former: Int?
    /// The version of the store since which the node that must confirm is told what it must confirm. It says nothing if
    /// any node may run the config.
    var since: UInt64

    /// Whether the former node lets go before the new one is told.
    package var isExclusive: Bool { config.handOver == .exclusive }
}
