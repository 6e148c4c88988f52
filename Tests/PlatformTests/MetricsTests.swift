import Platform
import Testing

@Suite struct MetricsTests {
    @Test func `a metric family is written with its help and its samples in order`() {
        var writer = MetricsWriter()
        writer.family(
            "nodes", .gauge, help: "Nodes by state.",
            [(labels: ["state": "up", "zone": "b"], value: 2), (labels: ["state": "lost"], value: 0)])
        writer.family("starts_total", .counter, help: "Starts.", [(labels: [:], value: 1)])
        #expect(
            writer.text == """
                # HELP nodes Nodes by state.
                # TYPE nodes gauge
                nodes{state="up",zone="b"} 2
                nodes{state="lost"} 0
                # HELP starts_total Starts.
                # TYPE starts_total counter
                starts_total 1

                """)
    }

    @Test func `a metric family without samples is not written`() {
        var writer = MetricsWriter()
        writer.family("nodes", .gauge, help: "Nodes.", [])
        #expect(writer.text.isEmpty)
    }

    @Test func `a label value can be any text`() {
        var writer = MetricsWriter()
        writer.family("a", .gauge, help: "A.", [(labels: ["l": "q\" b\\ n\n ü"], value: 1)])
        #expect(writer.text.hasSuffix(#"a{l="q\" b\\ n\n ü"} 1"# + "\n"))
    }

    @Test(arguments: [
        (0.0, "0"), (-3, "-3"), (0.25, "0.25"), (1e14, "100000000000000"), (1e15, "1000000000000000.0"),
        (1e300, "1e+300"),
        (.nan, "NaN"), (.infinity, "+Inf"), (-.infinity, "-Inf"), (-0.5, "-0.5"),
    ])
    func `values are written as Prometheus reads them`(value: Double, text: String) {
        var writer = MetricsWriter()
        writer.family("a", .gauge, help: "A.", [(labels: [:], value: value)])
        #expect(writer.text.hasSuffix("\na \(text)\n"))
    }

    @Test func `a page collects its parts in order of registration, at the time of reading`() {
        let registry = MetricsRegistry()
        let counter = Counter()
        registry.register { $0.family("b_total", .counter, help: "B.", [(labels: [:], value: Double(counter.value))]) }
        registry.register { $0.family("a", .gauge, help: "A.", [(labels: [:], value: 1)]) }
        counter.add(2)
        #expect(registry.page().contains("b_total 2\n# HELP a A."))
        counter.add()
        #expect(registry.page().contains("b_total 3\n"))
    }

    @Test func `a counter loses no concurrent increment`() async {
        let counter = Counter()
        await withDiscardingTaskGroup { group in
            for _ in 0..<8 { group.addTask { for _ in 0..<1000 { counter.add() } } }
        }
        #expect(counter.value == 8000)
    }
}

@Suite struct HistogramTests {
    @Test func `a histogram is written in cumulative buckets`() {
        var histogram = Histogram(bounds: [0.5, 2])
        for value in [0.1, 0.5, 1, 7] { histogram.observe(value) }
        var page = MetricsWriter()
        page.histogram("a_seconds", help: "An a.", [(["n": "x"], histogram), ([:], Histogram(bounds: [1]))])
        #expect(
            page.text == """
                # HELP a_seconds An a.
                # TYPE a_seconds histogram
                a_seconds_bucket{n="x",le="0.5"} 2
                a_seconds_bucket{n="x",le="2"} 3
                a_seconds_bucket{n="x",le="+Inf"} 4
                a_seconds_sum{n="x"} 8.6
                a_seconds_count{n="x"} 4
                a_seconds_bucket{le="1"} 0
                a_seconds_bucket{le="+Inf"} 0
                a_seconds_sum 0
                a_seconds_count 0

                """)
    }

    @Test func `what Linux says of this process is on the page`() throws {
        var writer = MetricsWriter()
        ProcessMetrics.collect(into: &writer)
        let samples = Dictionary(
            uniqueKeysWithValues: writer.text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
                let parts = line.split(separator: " ")
                return (String(parts[0]), Double(parts[1]) ?? -1)
            })
        #expect(samples.count == 6)
        let now = Double(SystemClock().wallTime().nanoseconds) / 1e9
        #expect((now - 86_400...now + 5).contains(samples["process_start_time_seconds"] ?? 0))
        #expect((1_000_000...1e11).contains(samples["process_resident_memory_bytes"] ?? 0))
        #expect((samples["process_virtual_memory_bytes"] ?? 0) > (samples["process_resident_memory_bytes"] ?? 0))
        #expect((3...100_000).contains(samples["process_open_fds"] ?? 0))
        #expect((0.001...100_000).contains(samples["process_cpu_seconds_total"] ?? 0))
    }

    @Test func `a hostile label is escaped for people and for the format`() {
        var writer = MetricsWriter()
        writer.family("m", .gauge, help: "H.", [(["l": "a\u{1B}[31m\n\"\\\u{202E}\u{200B}"], 1)])
        #expect(writer.text.hasSuffix(#"m{l="a\\u{1b}[31m\n\"\\\\u{202e}\\u{200b}"} 1"# + "\n"), "\(writer.text)")
    }

    @Test func `a quotation mark with a combining mark ends no label`() {
        var writer = MetricsWriter()
        writer.family("m", .gauge, help: "H.", [(["l": "a\"\u{301}b\\\u{301}"], 1)])
        #expect(writer.text.hasSuffix("m{l=\"a\\\"\u{301}b\\\\\u{301}\"} 1\n"))
    }

    @Test func `a label value that is too long is cut, and stays different from others`() {
        let long = String(repeating: "x", count: 100_000)
        var writer = MetricsWriter()
        writer.family("m", .gauge, help: "H.", [(["l": long + "a"], 1), (["l": long + "b"], 1)])
        let lines = writer.text.split(separator: "\n").filter { $0.hasPrefix("m{") }
        #expect(Set(lines).count == 2 && lines.allSatisfy { $0.utf8.count < 1_100 })
    }
}
