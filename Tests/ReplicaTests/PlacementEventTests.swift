import CheckModel
import ClusterChecks
import Kubernetes
import Leadership
import Synchronization
import Testing

@testable import Replica

/// Events on the Services whose checks run nowhere.
@Suite struct PlacementEventTests {
    private static let key = ConfigKey(source: "kube_service://shop/web", check: "redisdb", index: 0)
    private static let lost = StoreChange.configWithdrawn(
        key, .noEligibleNode("no node-agent runs redisdb"), mayRun: false)
    private static let moved = StoreChange.configMoved(key, from: nil, to: "n1", .dangled, mayRun: false)
    private static let service = ObjectReference(kind: "Service", namespace: "shop", name: "web")

    /// The Events of these changes, one batch after the other.
    private func events(_ batches: [[StoreChange]], service: ObjectReference? = service) -> [String] {
        let told = Mutex<[String]>([])
        let events = PlacementEvents { type, reason, message, object in
            told.withLock { $0.append("\(type) \(reason) \(object.namespace)/\(object.name): \(message)") }
        }
        let term = Term.unending(token: "t")
        events.handle(.termBegan(term, keepsPlacements: false, version: 0)) { _ in service }
        for changes in batches {
            events.handle(.changed(changes, in: term, version: 1)) { source in
                #expect(source == "kube_service://shop/web")
                return service
            }
        }
        return told.withLock { $0 }
    }

    @Test func `a check that no node may run is told, and when it runs`() {
        #expect(
            events([[Self.lost], [Self.moved], [Self.moved]]) == [
                "warning CheckNotPlaced shop/web: redisdb runs nowhere: no node-agent runs redisdb",
                "normal CheckPlaced shop/web: redisdb runs on n1",
            ])
    }

    @Test func `ordinary moves, other reasons and other sources are no Events`() {
        #expect(events([[Self.moved], [.configWithdrawn(Self.key, .noNode, mayRun: false)]]).isEmpty)
        #expect(events([[Self.lost], [Self.moved]], service: nil).isEmpty)
        #expect(events([[Self.lost], [.configRemoved(Self.key)], [Self.moved]]).count == 1)
    }
}
