import CheckModel
import ClusterChecks
import Platform

// How configs are dispatched, rebalanced and taken apart.
extension AgentOptions {
    static let excludedChecks = Option.list("cluster_checks.exclude_checks", help: "Checks that are not dispatched.")
    static let unscheduledThreshold = Option.duration(
        "cluster_checks.unscheduled_check_threshold", in: .seconds(1)...Duration.hours(24), default: .seconds(60),
        help: "A config without a node for so long is warned of and counted; at least the timeout of node-agents.")
    static let advancedDispatching = Option.flag(
        "cluster_checks.advanced_dispatching_enabled", default: true,
        help: "Rebalance by what runners and node-agents measure; who gives no statistics is left alone.")
    static let rebalancePeriod = Option.duration(
        "cluster_checks.rebalance_period", in: .seconds(1)...Duration.hours(24), default: .seconds(600),
        help: "Time between two rebalancings.")
    static let resultsInterval = Option.duration(
        "cluster_checks.results_interval", in: .seconds(5)...Duration.hours(1), default: .seconds(30),
        help: "How often runners are asked how their checks fare. What is three times as old is shown as stale.")
    static let usesUtilization = Option.flag(
        "cluster_checks.rebalance_with_utilization", default: true,
        help: "Rebalance by the use of workers. With false by the older measure of busyness.")
    static let minimumImprovement = Option.integer(
        "cluster_checks.rebalance_min_percentage_improvement", in: 0...100, default: 10,
        help: "By how many percent the deviation of utilizations must fall for checks to be moved.")
    static let pinnedChecks = Option.list(
        "cluster_checks.exclude_checks_from_dispatching", help: "Checks that rebalancing leaves where they are.")
    static let rebalanceBudget = Option.integer(
        "cluster_checks.rebalance_budget_percent", in: 1...100, default: 10,
        help: "How many percent of all checks one rebalancing moves at most, but ten in any case.")
    static let rebalanceCoolDown = Option.duration(
        "cluster_checks.rebalance_cooldown", in: .zero...Duration.hours(24), default: .seconds(1800),
        help: "How long a check that was rebalanced stays where it is.")
    static let runnersPort = Option.integer(
        "cluster_checks.clc_runners_port", in: 1...65_535, default: 5005,
        help: "Port on which runners and node-agents are asked for their statistics.")
    static let runnerCAFile = Option.text(
        "cluster_checks.runner_ca_file",
        help: "CA certificates in PEM to verify them with. Empty: unverified, and the token goes to known pods only.")
    static let trustsUnknownRunners = Option.flag(
        "cluster_checks.send_token_to_unknown_runners", default: false,
        help: "Ask nodes for their statistics, with the agents' token, at any address that they claim. Insecure.")
    static let shardsKubeStateMetrics = Option.flag(
        "cluster_checks.ksm_sharding_enabled", default: false,
        help: "Dispatch kubernetes_state_core in parts, by resources or by its shard_criteria.")
    static let shardsInstances = Option.flag(
        "cluster_checks.instance_sharding_enabled", default: false,
        help: "Dispatch each instance of a config by itself.")
    static let unshardedChecks = Option.list(
        "cluster_checks.instance_sharding_exclude_checks", help: "Checks whose instances stay together.")
    static let statusWrites = Option.integer(
        "cluster_checks.status_writes_per_second", in: 1...100, default: 10,
        help: "How many times a second the leader writes the status of a ClusterCheck at most.")

    static let dispatching =
        OptionTable(
            excludedChecks, unscheduledThreshold, advancedDispatching, rebalancePeriod, resultsInterval,
            usesUtilization,
            minimumImprovement, pinnedChecks, rebalanceBudget, rebalanceCoolDown, runnersPort, runnerCAFile,
            trustsUnknownRunners, shardsKubeStateMetrics, shardsInstances, unshardedChecks,
            statusWrites)
}

extension HandlerOptions {
    /// What the options say.
    init(_ options: Options) {
        self.init(
            patch: ConfigPatch(
                extraTags: options[AgentOptions.extraTags], clusterName: options[AgentOptions.clusterName],
                clusterTagName: options[AgentOptions.clusterTagName]))
        warmup = options[AgentOptions.warmup]
        nodeExpirationTimeout = options[AgentOptions.nodeExpiration]
        restartGrace = options[AgentOptions.restartGrace]
        unscheduledCheckThreshold = options[AgentOptions.unscheduledThreshold]
        excludedChecks = Set(texts: options[AgentOptions.excludedChecks])
        rebalancing.isEnabled = options[AgentOptions.advancedDispatching]
        rebalancing.usesUtilization = options[AgentOptions.usesUtilization]
        rebalancing.minimumImprovement = options[AgentOptions.minimumImprovement]
        rebalancing.pinnedChecks = Set(texts: options[AgentOptions.pinnedChecks])
        rebalancing.budget = options[AgentOptions.rebalanceBudget]
        rebalancing.coolDown = options[AgentOptions.rebalanceCoolDown]
        sharding.shardsKubeStateMetrics = options[AgentOptions.shardsKubeStateMetrics]
        sharding.shardsInstances = options[AgentOptions.shardsInstances]
        sharding.unshardedChecks = Set(texts: options[AgentOptions.unshardedChecks])
    }
}
