/// The answer to "who runs what" (`GET /api/v1/clusterchecks`), for people and for the command line.
package struct StateAnswer: Sendable {
    /// One node and its configs.
    package struct Node: Sendable {
        /// The node's name.
        package let name: String
        /// What it runs, in the order to show.
        package let configs: [EncodedConfig]

        /// A node.
        package init(name: String, configs: [EncodedConfig]) {
            self.name = name
            self.configs = configs
        }
    }

    /// Why nothing is dispatched here: empty on a leader, `currently follower`, or `Startup in progress`.
    package let notRunning: String
    /// Whether the leader still waits for nodes to report before it dispatches.
    package let warmup: Bool
    /// The nodes, in the order to show.
    package let nodes: [Node]
    /// Configs that have no node, in the order to show.
    package let dangling: [EncodedConfig]

    /// The state of a leader.
    package init(warmup: Bool, nodes: [Node], dangling: [EncodedConfig]) {
        notRunning = ""
        self.warmup = warmup
        self.nodes = nodes
        self.dangling = dangling
    }

    /// The answer of a replica that does not lead, and why.
    package init(notRunning: String) {
        self.notRunning = notRunning
        warmup = false
        nodes = []
        dangling = []
    }

    /// The body. Empty lists are null when nothing is dispatched here, as agents' command lines know it.
    package func encoded() -> [UInt8] {
        var output: [UInt8] = []
        output.append("{\"not_running\":")
        JSON.encode(notRunning, into: &output)
        output.append(",\"warmup\":\(warmup),\"nodes\":")
        guard notRunning.isEmpty else {
            output.append("null,\"dangling\":null}")
            return output
        }
        Self.encode(nodes, into: &output) { node, output in
            output.append("{\"name\":")
            JSON.encode(node.name, into: &output)
            output.append(",\"configs\":")
            Self.encode(node.configs, into: &output) { config, output in
                output.append("{\"instance_ids\":")
                Self.encode(config.instanceIDs, into: &output, JSON.encode)
                output.append(",\"config\":")
                output.append(contentsOf: config.wire)
                output.append("}")
            }
            output.append("}")
        }
        output.append(",\"dangling\":")
        Self.encode(dangling, into: &output) { $1.append(contentsOf: $0.wire) }
        output.append("}")
        return output
    }

    private static func encode<Element>(
        _ list: [Element], into output: inout [UInt8], _ encode: (Element, inout [UInt8]) -> Void
    ) {
        output.append(UInt8(ascii: "["))
        for (index, element) in list.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            encode(element, &output)
        }
        output.append(UInt8(ascii: "]"))
    }
}
