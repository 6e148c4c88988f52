import CheckModel

/// 100,000 configs on 1,000 nodes.
enum PlacementBenchmark {
    private static let nodes = 1_000
    private static let count = 100_000

    static func rows() -> [Row] {
        let configs = SampleConfigs.encoded(count)
        return placingAll(configs) + removingANode(configs) + [addingOne(configs)]
    }

    private static func placingAll(_ configs: [EncodedConfig]) -> [Row] {
        var imbalance = 0.0
        let time = shortestTime(of: 5) {
            SampleDispatcher(nodes: nodes)
        } _: { cluster in
            cluster.dispatch(configs)
            imbalance = cluster.imbalance
        }
        return [
            Row(
                work: "place 100,000 configs on 1,000 nodes", budget: "< 100 ms", measured: time.milliseconds,
                isWithin: time < .milliseconds(100)),
            Row(
                work: "the heaviest of the 1,000 nodes, against the mean", budget: "≤ 1.01",
                measured: threeDigits(imbalance), isWithin: imbalance <= 1.01),
        ]
    }

    private static func removingANode(_ configs: [EncodedConfig]) -> [Row] {
        var cluster = SampleDispatcher(nodes: nodes)
        cluster.dispatch(configs)
        var times: [Duration] = []
        var surplus = 0
        for node in 0..<9 {
            let start = threadTime()
            let (had, moved) = cluster.remove(node: node)
            times.append(threadTime() - start)
            surplus += moved - had
        }
        let median = times.sorted()[times.count / 2]
        return [
            Row(
                work: "remove one of 1,000 nodes with 100,000 configs placed", budget: "< 1 ms",
                measured: median.milliseconds, isWithin: median < .milliseconds(1)),
            Row(
                work: "moves for it, beyond the node's own configs", budget: "0", measured: "\(surplus)",
                isWithin: surplus == 0),
        ]
    }

    private static func addingOne(_ configs: [EncodedConfig]) -> Row {
        let more = (count..<(count + 1_000)).map { SampleConfigs.encoded(at: $0) }
        let time = shortestTime(of: 3) {
            var cluster = SampleDispatcher(nodes: nodes)
            cluster.dispatch(configs)
            return cluster
        } _: { cluster in
            for config in more { cluster.add(config) }
        }
        let each = time / more.count
        return Row(
            work: "add one config among 100,000", budget: "< 20 µs", measured: each.microseconds,
            isWithin: each < .microseconds(20))
    }
}
