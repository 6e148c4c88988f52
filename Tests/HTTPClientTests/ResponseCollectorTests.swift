import Testing

@testable import HTTPClient

@Suite struct ResponseCollectorTests {
    private func collect(_ lines: [String]) -> (ResponseCollector, [ResponseCollector.Progress]) {
        var collector = ResponseCollector()
        let progress = lines.map { collector.add(line: Array(($0 + "\r\n").utf8)) }
        return (collector, progress)
    }

    @Test func `the header ends with an empty line`() {
        let (collector, progress) = collect(["HTTP/1.1 200 OK", "A: b", ""])
        #expect(progress == [.partial, .partial, .complete])
        #expect(collector.head.status == 200)
        #expect(collector.head["a"] == "b")
    }

    @Test func `trailers are ignored`() {
        let (collector, progress) = collect(["HTTP/1.1 200 OK", "", "X: y", "HTTP/1.1 500 No", ""])
        #expect(progress == [.partial, .complete, .partial, .partial, .partial])
        #expect(collector.head.status == 200)
        #expect(collector.head.headers.isEmpty)
    }

    @Test(arguments: [
        (["HTTP/1.1 302 Found", "Location: /x", ""], true), (["HTTP/1.1 304 Not Modified", ""], true),
        (["HTTP/1.1 100 Continue", ""], false), (["HTTP/1.1 101 Switching Protocols", ""], true),
    ])
    func `an interim header block is not the header of the response`(lines: [String], isComplete: Bool) {
        #expect(collect(lines).0.isComplete == isComplete)
    }

    @Test func `the size limit holds for each header block`() {
        let line = "X: " + String(repeating: "y", count: 60_000)
        #expect(!collect(["HTTP/1.1 200 OK", line, line]).1.contains(.tooLarge))
        #expect(collect(["HTTP/1.1 200 OK", line, line, line]).1.last == .tooLarge)
        #expect(!collect(["HTTP/1.1 100 Go", line, line, "", "HTTP/1.1 200 OK", line, line]).1.contains(.tooLarge))
    }
}
