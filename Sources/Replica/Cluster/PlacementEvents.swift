import CheckModel
import ClusterChecks
import Kubernetes
import Platform
import Synchronization

/// Records Events on Services and ClusterChecks whose checks no node may run, and when they are placed again. Only a
/// leader's store changes, so only a leader records.
final class PlacementEvents: Sendable {
    /// The reason of the Events, for `kubectl get events --field-selector reason=CheckNotPlaced`.
    private static let notPlaced = "CheckNotPlaced"
    private static let placed = "CheckPlaced"
    /// How many checks are remembered as not placed, to tell when they are.
    private static let limit = 10_000

    private let record: @Sendable (EventType, _ reason: String, _ message: String, ObjectReference) -> Void
    private let lost = Mutex<Set<ConfigKey>>([])

    /// - Parameter record: records an Event about an object.
    init(record: @escaping @Sendable (EventType, _ reason: String, _ message: String, ObjectReference) -> Void) {
        self.record = record
    }

    /// What happened to the store. Called for one event after the other.
    ///
    /// - Parameter object: the object from which configs of a source come; nil if it is none.
    func handle(_ event: StoreEvent, _ object: (_ source: String) -> ObjectReference?) {
        switch event {
        case .changed(let changes, _, _):
            for change in changes { handle(change, object) }
        case .termBegan(_, keepsPlacements: false, _):
            lost.withLock { $0 = [] }
        case .termBegan, .termEnded:
            break
        }
    }

    private func handle(_ change: StoreChange, _ object: (_ source: String) -> ObjectReference?) {
        switch change {
        case .configWithdrawn(let key, .noEligibleNode(let reason), _):
            guard let about = object(key.source) else { return }
            lost.withLock { lost in
                if lost.count < Self.limit { lost.insert(key) }
            }
            record(.warning, Self.notPlaced, visibleLine("\(key.check) runs nowhere: \(reason)"), about)
        case .configMoved(let key, _, let node, _, _):
            guard lost.withLock({ $0.remove(key) }) != nil, let about = object(key.source) else { return }
            record(.normal, Self.placed, visibleLine("\(key.check) runs on \(node)"), about)
        case .configRemoved(let key):
            _ = lost.withLock { $0.remove(key) }
        default:
            break
        }
    }
}
