import Platform
import TestKit
import Testing

@Suite struct ThrottledLineTests {
    @Test func `a line is due once in ten seconds, and counts what happened since the last one`() {
        let clock = ManualClock()
        var line = ThrottledLine()
        #expect(line.note(at: clock.now()) == 1, "the first is told at once")
        for _ in 0..<3 { #expect(line.note(at: clock.now()) == nil) }
        clock.advance(by: .seconds(9))
        #expect(line.note(at: clock.now()) == nil)
        clock.advance(by: .seconds(1))
        #expect(line.note(at: clock.now()) == 5)
        #expect(line.note(at: clock.now()) == nil)
    }
}
