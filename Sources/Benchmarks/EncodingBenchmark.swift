import CheckModel

/// What is made of each config before it is dispatched.
enum EncodingBenchmark {
    static func rows() -> [Row] {
        let time = shortestTime(of: 3) {
            SampleConfigs.configs(100_000)
        } _: { configs in
            for config in configs { _ = try? SampleConfigs.patch.encode(config) }
        }
        return [
            Row(
                work: "patch and encode 100,000 configs", budget: "< 500 ms", measured: time.milliseconds,
                isWithin: time < .milliseconds(500))
        ]
    }
}
