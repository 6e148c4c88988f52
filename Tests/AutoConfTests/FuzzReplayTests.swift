import Testing

@Suite struct FuzzReplayTests {
    /// The fuzz target's own function: it traps where a bad annotation gives a check, and where a config cannot be sent.
    @Test func noAnnotationOfTheCorpusGivesWhatMayNotBeSent() throws {
        let corpus = try fuzzCorpus("annotations")
        #expect(corpus.count >= 11)
        for (_, input) in corpus { fuzzAnnotations(input) }
    }

    /// The fuzz target's own function: it traps where the resolver and one that is as simple as can be do not agree.
    @Test func allTemplatesOfTheCorpusAreResolvedAsASimplerResolverDoes() throws {
        let corpus = try fuzzCorpus("template")
        #expect(corpus.count >= 10)
        for (_, input) in corpus { fuzzTemplate(input) }
    }
}
