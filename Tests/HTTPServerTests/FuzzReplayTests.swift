import Testing

@Suite struct FuzzReplayTests {
    /// The fuzz target's own function: it traps where a request is read otherwise in pieces, or goes beyond a limit.
    @Test func `requests of the fuzzing corpus parse the same in pieces`() throws {
        let corpus = try fuzzCorpus("http")
        #expect(corpus.count >= 20)
        for (_, input) in corpus {
            for length in 1...16 as ClosedRange<UInt8> { fuzzHTTPServer([length] + input.dropFirst()) }
        }
    }
}
