import ClusterChecks
import JSON
import Kubernetes
import Platform
import Testing

@testable import Replica

/// kubernetes/kubernetes#109414: the objects of pods that are over stay.
@Suite struct PodChangeTests {
    private static func pod(_ name: String, phase: String) throws -> Pod {
        let text = #"""
            {"metadata": {"name": "\#(name)", "namespace": "n", "uid": "u-\#(name)", "resourceVersion": "1"},
             "spec": {"nodeName": "node-1"}, "status": {"phase": "\#(phase)", "podIP": "10.0.0.1"}}
            """#
        return try Pod(parsing: Array(text.utf8))
    }

    private static func names(_ change: AgentPodChange) -> String {
        switch change {
        case .replaced(let pods, _): "all " + pods.map(\.name).joined(separator: " ")
        case .applied(let pod): "+\(pod.name)"
        case .deleted(let pod): "-\(pod.name)"
        }
    }

    @Test(arguments: ["Failed", "Succeeded"])
    func `a pod that is over counts as deleted, at once`(phase: String) throws {
        let (running, over) = (try Self.pod("a", phase: "Running"), try Self.pod("b", phase: phase))
        #expect(Self.names(ClusterWatches.podChange(.replaced([running, over], begun: .distantPast))) == "all a")
        #expect(Self.names(ClusterWatches.podChange(.applied(running))) == "+a")
        #expect(Self.names(ClusterWatches.podChange(.applied(over))) == "-b")
        #expect(Self.names(ClusterWatches.podChange(.deleted(over))) == "-b")
    }

    @Test func `when a list began is passed on`() throws {
        let begun = Instant(nanoseconds: 7)
        guard case .replaced(_, begun) = ClusterWatches.podChange(.replaced([], begun: begun)),
            case .replaced(_, begun) = ClusterWatches.nodeChange(.replaced([], begun: begun))
        else {
            Issue.record("another instant")
            return
        }
    }

    @Test(arguments: ["Pending", "Running", "Unknown", ""])
    func `a pod in any other phase may still run`(phase: String) throws {
        #expect(try !Self.pod("a", phase: phase).isOver)
    }
}
