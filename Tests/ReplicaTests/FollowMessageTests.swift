import ClusterChecks
import JSON
import Platform
import Testing

@testable import Replica

/// The follow call between replicas of this release and of the one before, which must understand each other.
@Suite struct FollowMessageTests {
    /// The wire of the release before.
    private static let former = #"{"heard":["a","b"],"since":7,"term":"12.uid","wait_ms":5000}"#
    private static let formerAnswer = #"{"revisions":{"a":5,"gone":null},"version":9,"whole":false}"#

    @Test func `a call of the release before is read`() throws {
        let request = try FollowRequest(parsing: Array(Self.former.utf8))
        #expect(
            request
                == FollowRequest(
                    since: 7, term: "12.uid", wait: .seconds(5),
                    heard: [NodeHeartbeat(id: "a"), NodeHeartbeat(id: "b")]))
    }

    @Test func `the release before reads all that it knows of a call`() throws {
        let request = FollowRequest(
            since: 7, term: "12.uid", wait: .seconds(5),
            heard: [NodeHeartbeat(id: "a", revision: 4), NodeHeartbeat(id: "b")])
        let json = try JSONValue(parsing: request.encoded())
        let former = try JSONValue(parsing: Array(Self.former.utf8))
        for (member, value) in former.objectValue ?? [:] { #expect(json.objectValue?[member] == value) }
        #expect(json["running"] == .object(["a": .integer(4)]))
        #expect(try FollowRequest(parsing: request.encoded()) == request)
    }

    @Test func `an answer is what it was, in both directions`() throws {
        let answer = try #require(FollowAnswer(parsing: Array(Self.formerAnswer.utf8)))
        #expect(answer.revisions == ["a": 5, "gone": nil])
        #expect(String(decoding: answer.encoded(), as: UTF8.self) == Self.formerAnswer)
    }
}
