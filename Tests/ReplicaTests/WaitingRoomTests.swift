import Platform
import Testing

@testable import Replica

@Suite struct WaitingRoomTests {
    private static func at(_ seconds: Double) -> Instant {
        Instant(nanoseconds: 0) + .seconds(seconds)
    }

    private var room = WaitingRoom<String>(resolution: .milliseconds(100))

    @Test func `calls that wait for a node are found in order of arrival`() {
        var room = room
        for guest in ["a", "b", "c"] {
            _ = room.enter(guest, node: guest == "b" ? "n2" : "n1", lastChange: 1, until: Self.at(10))
        }
        #expect(room.waiters(of: "n1").map(\.guest) == ["a", "c"])
        #expect(room.waiters(of: "n2").map(\.guest) == ["b"])
        #expect(room.waiters(of: "n3").isEmpty)
        #expect(room.count == 3)
    }

    @Test func `a call leaves the waiting room once`() {
        var room = room
        let number = room.enter("a", node: "n", lastChange: 1, until: Self.at(1))
        #expect(room.leave(number)?.guest == "a")
        #expect(room.leave(number) == nil)
        #expect(room.waiters(of: "n").isEmpty && room.count == 0)
        #expect(room.takeDue(at: Self.at(5)).isEmpty)
        #expect(room.empty().isEmpty)
    }

    @Test func `a wait ends on time or up to one slice late`() {
        var room = room
        for tenth in 0..<50 {
            _ = room.enter("\(tenth)", node: "n", lastChange: 1, until: Self.at(1 + Double(tenth) * 0.013))
        }
        var seen: [String] = []
        for step in 0..<200 {
            let now = Self.at(0.9 + Double(step) * 0.007)
            for waiter in room.takeDue(at: now) {
                #expect(waiter.until <= now)
                #expect(waiter.until + .milliseconds(108) >= now)
                seen.append(waiter.guest)
            }
        }
        #expect(seen.count == 50 && Set(seen).count == 50)
        #expect(room.count == 50, "told of, not let out")
    }

    @Test func `all waiting calls leave in order of arrival`() {
        var room = room
        for number in 0..<20 {
            _ = room.enter("\(number)", node: "n\(number % 3)", lastChange: 0, until: Self.at(Double(40 - number)))
        }
        #expect(room.empty().map(\.guest) == (0..<20).map(String.init))
        #expect(room.count == 0)
        #expect(room.takeDue(at: Self.at(100)).isEmpty)
    }
}
