import Testing

@Suite struct FuzzReplayTests {
    /// The fuzz target's own function: it traps where a bad annotation gives a check, and where a config cannot be
    /// sent.
    @Test func `no annotation of the fuzzing corpus gives a config that may not be sent`() throws {
        let corpus = try fuzzCorpus("annotations")
        #expect(corpus.count >= 11)
        for (_, input) in corpus { fuzzAnnotations(input) }
    }

    /// The fuzz target's own function: it traps where a URL is none, and where targets are read as a simpler reader
    /// does not.
    @Test func `Prometheus' annotations, targets and options of the fuzzing corpus are read as they are meant`() throws
    {
        let corpus = try fuzzCorpus("scrape")
        #expect(corpus.count >= 15)
        for (_, input) in corpus { fuzzScrape(input) }
    }

    /// The fuzz target's own function: it traps where the resolver and one that is as simple as can be do not agree.
    @Test func `templates of the fuzzing corpus resolve as in a simpler resolver`() throws {
        let corpus = try fuzzCorpus("template")
        #expect(corpus.count >= 10)
        for (_, input) in corpus { fuzzTemplate(input) }
    }
}
