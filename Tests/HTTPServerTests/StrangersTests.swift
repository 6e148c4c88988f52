import Testing

@testable import HTTPServer

@Suite struct StrangersTests {
    @Test func `an address closes its own oldest, and only a full share closes those of others`() {
        // At most 16, and 4 of one address.
        var strangers = Strangers(capacity: 64, authenticates: true, loops: 1)
        for token in UInt64(0)..<4 { #expect(strangers.add(token, from: "a") == nil) }
        #expect(strangers.add(4, from: "a") == 0)
        for token in UInt64(5)..<17 { #expect(strangers.add(token, from: "host \(token)") == nil) }
        #expect(strangers.add(17, from: "b") == 1)
        // One of "a" has gone, but the whole share is still used up: the oldest goes, whoever's it is.
        #expect(strangers.add(18, from: "a") == 2)
    }

    @Test func `a client that authenticates or leaves makes room and is never closed`() {
        var strangers = Strangers(capacity: 64, authenticates: true, loops: 1)
        for token in UInt64(0)..<4 { _ = strangers.add(token, from: "a") }
        strangers.remove(0)
        #expect(strangers.add(4, from: "a") == nil)
        #expect(strangers.add(5, from: "a") == 1)
        #expect(strangers.removeOldest() == 2)
    }

    @Test func `what it keeps is bounded by the strangers that there are`() {
        var strangers = Strangers(capacity: 64, authenticates: true, loops: 2)
        for token in UInt64(0)..<100_000 {
            _ = strangers.add(token, from: "host \(token % 50)")
            if token % 3 == 0 { strangers.remove(token) }
        }
        var remaining = 0
        while strangers.removeOldest() != nil { remaining += 1 }
        #expect((1...8).contains(remaining))
        #expect(strangers.entries <= 16)
    }
}
