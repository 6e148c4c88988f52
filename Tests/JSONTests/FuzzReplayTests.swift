import Testing

@Suite struct FuzzReplayTests {
    /// The fuzz target's own function: it traps where a text changes on its way.
    @Test func `JSON of the fuzzing corpus survives a round trip`() throws {
        let corpus = try fuzzCorpus("json")
        #expect(corpus.count >= 6)
        for (_, input) in corpus { fuzzJSON(input) }
    }
}
