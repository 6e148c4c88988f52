import Testing

@Suite struct FuzzReplayTests {
    /// The fuzz target's own function: it traps where a message changes on its way, and where "nothing" is read that
    /// nobody said.
    @Test func `messages of the fuzzing corpus survive a round trip`() throws {
        let corpus = try fuzzCorpus("decoders")
        #expect(corpus.count >= 11)
        for (_, input) in corpus { fuzzDecoders(input) }
    }
}
