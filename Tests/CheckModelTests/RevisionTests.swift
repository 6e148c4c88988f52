import CheckModel
import Platform
import Testing

@Suite struct RevisionTests {
    @Test func `only the empty set has revision 0`() {
        #expect(Revision().value == 0)
        #expect(Revision(of: [0]).value != 0)
        #expect(Revision(of: [1 << 63]).value != 0)
        #expect(Revision(of: [1, UInt64.max]).value != 0)
    }

    @Test func `adding and removing in any order gives the same revision`() {
        let entropy = SeededEntropy(seed: 3)
        let hashes = (0..<100).map { _ in entropy.next() }
        var revision = Revision(of: hashes.reversed())
        #expect(revision == Revision(of: hashes))
        revision.remove(hashes[17])
        revision.add(5)
        revision.add(hashes[17])
        revision.remove(5)
        #expect(revision.value == Revision(of: hashes).value)
        for hash in hashes { revision.remove(hash) }
        #expect(revision.value == 0)
    }

    @Test func `two configs with the same content do not cancel out`() {
        #expect(Revision(of: [7, 7]).value != Revision().value)
        #expect(Revision(of: [7, 7]).value != Revision(of: [7]).value)
    }

    @Test func `no revision is negative`() {
        let entropy = SeededEntropy(seed: 4)
        for _ in 0..<10_000 {
            #expect(Revision(of: [entropy.next(), entropy.next()]).value > 0)
        }
        #expect(Revision(of: [.max]).value > 0)
    }
}
