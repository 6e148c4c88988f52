import Testing

@Suite struct FuzzReplayTests {
    /// The fuzz target's own function: it traps where an object changes on its way.
    @Test func `no object of the corpus traps the reader`() throws {
        let corpus = try fuzzCorpus("kubernetes")
        #expect(corpus.count >= 6)
        for (_, input) in corpus { fuzzKubernetes(input) }
    }
}
