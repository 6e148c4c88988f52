import JSON
package import Platform

/// The answer to "who runs what" (`GET /api/v1/clusterchecks`), for people and for the command line: without the
/// secrets of its configs.
package struct StateAnswer: Sendable {
    /// One node and its configs.
    package struct Node: Sendable {
        /// The node's name.
        package let name: String
        /// What it runs, in the order to show.
        package let configs: [EncodedConfig]
        /// Its pod, as `namespace/name`; nil if none is known.
        package let pod: String?
        /// Its IP address, if it is known.
        package let address: String?
        /// `node_type` as it last reported.
        package let nodeType: Int
        /// What is unusual about it, for people.
        package let conditions: [String]
        /// The statistics that it reported, by check ID; empty if it never did.
        package let stats: [ExactText: RunnerStats]
        /// How its instances fare, by check ID, as far as its agent has said.
        package let results: [ExactText: ShownResult]

        /// A node.
        package init(
            name: String, configs: [EncodedConfig], pod: String? = nil, address: String? = nil, nodeType: Int = 0,
            conditions: [String] = [], stats: [ExactText: RunnerStats] = [:], results: [ExactText: ShownResult] = [:]
        ) {
            self.results = results
            self.name = name
            self.configs = configs
            self.pod = pod
            self.address = address
            self.nodeType = nodeType
            self.conditions = conditions
            self.stats = stats
        }
    }

    /// A config that has no node.
    package struct Dangling: Sendable {
        /// The config.
        package let config: EncodedConfig
        /// Why, for people.
        package let reason: String

        /// A config, and why it has no node.
        package init(config: EncodedConfig, reason: String) {
            self.config = config
            self.reason = reason
        }
    }

    /// Something that a config's author should mend.
    package struct Problem: Sendable {
        /// Where it is, such as `kube_service://shop/web`.
        package let object: String
        /// What is wrong.
        package let reason: String
        /// `error` if a config is not used as it is written, else `warning`.
        package let severity: String
        /// When it was found (RFC 3339); empty if that is not known.
        package let since: String
        /// Whether configs that the object had before stay in use.
        package let keepsLast: Bool

        /// A problem.
        package init(object: String, reason: String, severity: String, since: String, keepsLast: Bool) {
            self.object = object
            self.reason = reason
            self.severity = severity
            self.since = since
            self.keepsLast = keepsLast
        }

        var json: JSONValue {
            .object([
                "object": .string(object), "reason": .string(reason), "severity": .string(severity),
                "since": since.isEmpty ? .null : .string(since), "keeps_last": .bool(keepsLast),
            ])
        }
    }

    /// The most problems that are listed.
    private static let mostProblems = 1_000

    /// Why this replica does not dispatch: empty on a leader, `currently follower`, or `Startup in progress`.
    package let notRunning: String
    /// Whether the leader still waits for nodes to report before it dispatches.
    package let warmup: Bool
    /// The nodes, in the order to show.
    package let nodes: [Node]
    /// Configs that have no node, in the order to show.
    package let dangling: [Dangling]
    /// How many endpoints checks there are.
    package let endpointsChecks: Int
    /// What cannot be used of annotations, files and ClusterChecks, in the order to show.
    package let problems: [Problem]
    /// Where the leader is, if another replica is known to lead.
    package let leader: String?

    /// The state of a leader.
    package init(warmup: Bool, nodes: [Node], dangling: [Dangling], endpointsChecks: Int = 0, problems: [Problem] = [])
    {
        notRunning = ""
        leader = nil
        self.endpointsChecks = endpointsChecks
        self.problems = problems
        self.warmup = warmup
        self.nodes = nodes
        self.dangling = dangling
    }

    /// The answer of a replica that does not lead, and why.
    package init(notRunning: String, leader: String? = nil) {
        self.notRunning = notRunning
        self.leader = leader
        endpointsChecks = 0
        problems = []
        warmup = false
        nodes = []
        dangling = []
    }

    /// The body. If this replica does not dispatch, lists are null, as agents' command lines expect. They ignore what
    /// upstream does not have: `pod`, `address`, `node_type` and `conditions` of a node, and its `results`;
    /// `dangling_reasons` and `dangling_instance_ids`, one for each config in `dangling`; `endpoints_checks`;
    /// `problems`, the first thousand of `problem_count`; a follower's `leader`. A node that reported no statistics has
    /// no `stats`.
    package func encoded() -> [UInt8] {
        var output: [UInt8] = []
        output.append("{\"not_running\":")
        JSONValue.encode(notRunning, into: &output)
        output.append(",\"warmup\":\(warmup),\"nodes\":")
        guard notRunning.isEmpty else {
            output.append("null,\"dangling\":null")
            if let leader {
                output.append(",\"leader\":")
                JSONValue.encode(leader, into: &output)
            }
            output.append("}")
            return output
        }
        Self.encode(nodes, into: &output) { node, output in
            output.append("{\"name\":")
            JSONValue.encode(node.name, into: &output)
            output.append(",\"pod\":")
            Self.encode(node.pod, into: &output)
            output.append(",\"address\":")
            Self.encode(node.address, into: &output)
            output.append(",\"node_type\":\(node.nodeType),\"conditions\":")
            Self.encode(node.conditions, into: &output, JSONValue.encode)
            output.append(",\"configs\":")
            Self.encode(node.configs, into: &output) { config, output in
                output.append("{\"instance_ids\":")
                Self.encode(config.instanceIDs, into: &output, JSONValue.encode)
                output.append(",\"config\":")
                output.append(contentsOf: config.shownWire)
                output.append("}")
            }
            if !node.stats.isEmpty {
                output.append(",\"stats\":")
                output.append(contentsOf: JSONValue.object(node.stats.mapValues(\.shown)).encoded())
            }
            if !node.results.isEmpty {
                output.append(",\"results\":")
                output.append(contentsOf: JSONValue.object(node.results.mapValues(\.json)).encoded())
            }
            output.append("}")
        }
        output.append(",\"dangling\":")
        Self.encode(dangling, into: &output) { $1.append(contentsOf: $0.config.shownWire) }
        output.append(",\"dangling_reasons\":")
        Self.encode(dangling.map(\.reason), into: &output, JSONValue.encode)
        output.append(",\"dangling_instance_ids\":")
        Self.encode(dangling, into: &output) { Self.encode($0.config.instanceIDs, into: &$1, JSONValue.encode) }
        output.append(",\"endpoints_checks\":\(endpointsChecks),\"problem_count\":\(problems.count),\"problems\":")
        Self.encode(Array(problems.prefix(Self.mostProblems)), into: &output) { $1 += $0.json.encoded() }
        output.append("}")
        return output
    }

    private static func encode(_ text: String?, into output: inout [UInt8]) {
        guard let text else { return output.append("null") }
        JSONValue.encode(text, into: &output)
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
