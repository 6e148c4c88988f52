import HTTPServer
import Testing

@testable import Replica

/// What `GET /` answers, without a token.
@Suite struct PageAnswerTests {
    private static func answer(_ method: HTTPMethod) -> HTTPResponse {
        PageAnswer.to(
            HTTPRequest(
                method: method, path: "/", query: nil, headers: HTTPHeaders([]), body: [], peer: TestReplica.peer))
    }

    @Test func `it is one small file, which loads and runs nothing else`() throws {
        let answer = Self.answer(.get)
        #expect(answer.status == 200 && answer.text.utf8.count < PageAnswer.limit)
        #expect(answer.text.contains("<script>\(Page.script)</script>"))
        #expect(answer.text.contains("<style>\(Page.style)</style>"))
        #expect(answer.text.split(separator: "<script").count == 2 && answer.text.split(separator: "<style").count == 2)
        let policy = try #require(answer.header("Content-Security-Policy"))
        #expect(policy.hasPrefix("default-src 'none'; script-src 'sha256-") && policy.contains("'; style-src 'sha256-"))
        #expect(!policy.contains("unsafe") && !policy.contains("*"))
        // The name of a vocabulary, which nobody fetches.
        let text = answer.text.split(separator: "http://www.w3.org/2000/svg").joined()
        for other in ["http://", "https://", "src=", "@import", "url(", "innerHTML", "localStorage", "cookie"] {
            #expect(!text.contains(other), "\(other)")
        }
    }

    @Test func `it takes no other method`() {
        #expect(Self.answer(.post).status == 405)
        #expect(Self.answer(.head).status == 200, "the server writes no body")
    }
}
