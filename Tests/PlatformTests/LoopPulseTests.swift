import Platform
import Testing

@Suite struct LoopPulseTests {
    private static let start = Instant(nanoseconds: 1_000_000_000)

    @Test func `a loop that does not come back is stuck, and one that waits is not`() {
        let (busy, waiting) = (LoopPulse("test-busy"), LoopPulse("test-waiting"))
        busy.beginTurn(at: Self.start)
        waiting.beginTurn(at: Self.start)
        waiting.endTurn()
        func stuck(after duration: Duration) -> [String] {
            LoopPulse.stuckLoops(at: Self.start + duration).filter { $0.hasPrefix("test-") }
        }
        #expect(stuck(after: .seconds(10)).isEmpty)
        #expect(stuck(after: .seconds(11)) == ["test-busy"])
        busy.endTurn()
        #expect(stuck(after: .seconds(11)).isEmpty)
        withExtendedLifetime((busy, waiting)) {}
    }

    @Test func `a loop that has ended is forgotten`() {
        do {
            let ended = LoopPulse("test-ended")
            ended.beginTurn(at: Self.start)
        }
        #expect(!LoopPulse.stuckLoops(at: Self.start + .seconds(60)).contains("test-ended"))
    }
}
