import Platform
import Synchronization
import Testing

@Suite struct OrderedDeliveryTests {
    private final class Recorder: Sendable {
        let delivery = OrderedDelivery<Int>()
        let counter = Mutex(0)
        private let events = Mutex<[Int]>([])

        var received: [Int] { events.withLock { $0 } }

        func receive(_ event: Int) { events.withLock { $0.append(event) } }
    }

    @Test func `Events arrive once, in the order in which they were added, whichever threads add them`() async {
        let recorder = Recorder()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<500 {
                        recorder.counter.withLock {
                            $0 += 1
                            recorder.delivery.add($0)
                        }
                        recorder.delivery.deliver(to: recorder.receive)
                    }
                }
            }
        }
        #expect(recorder.received == Array(1...4000))
    }

    @Test func `An event that is added while another one is delivered comes after it`() {
        let recorder = Recorder()
        func receive(_ event: Int) {
            if event < 3 {
                recorder.delivery.add(event + 1)
                recorder.delivery.deliver(to: receive)
            }
            recorder.receive(event)
        }
        recorder.delivery.add(1)
        recorder.delivery.deliver(to: receive)
        #expect(recorder.received == [1, 2, 3])
        recorder.delivery.deliver(to: receive)
        #expect(recorder.received == [1, 2, 3])
    }
}
