import CheckModel
import HTTPServer
import Platform
import Testing

@testable import Replica

/// What operators ask the history for.
@Suite struct HistoryQueryTests {
    private static let entries = [
        HistoryEntry(
            .moved, check: "http:web:1", config: "kube_service://shop/web#http#0", from: "a", node: "b", time: at(10)),
        HistoryEntry(.lost, node: "a", time: at(20)),
        HistoryEntry(.added, check: "tcp:db:2", config: "kube_service://shop/db#tcp#0", node: "c", time: at(30)),
    ]

    private static func at(_ seconds: Int64) -> WallTime { WallTime(nanoseconds: seconds * 1_000_000_000) }

    private func query(_ text: String?) throws -> HistoryQuery {
        try HistoryQuery(
            HTTPRequest(method: .get, path: "/api/v1/clusterchecks/history", query: text, peer: TestReplica.peer))
    }

    @Test(
        arguments: [
            (nil, [0, 1, 2]), ("", [0, 1, 2]), ("since=15", [1, 2]), ("since=0", []), ("check=web", [0]),
            ("check=tcp%3Adb", [2]), ("node=a", [0, 1]), ("node=b&since=60", [0]), ("node=A", []),
            ("check=kube_service", [0, 2]),
        ] as [(String?, [Int])])
    func `it gets what it asks for`(text: String?, indices: [Int]) throws {
        #expect(try query(text).matching(Self.entries, at: Self.at(35)) == indices.map { Self.entries[$0] })
    }

    @Test(arguments: [
        "since=", "since=1.5", "since=-1", "since=99999999999", "since", "check=a&check=b", "nodes=a", "node=%FF",
        "node=%2",
    ])
    func `anything else is refused`(text: String) {
        #expect(throws: APIError.self) { _ = try query(text) }
    }
}
