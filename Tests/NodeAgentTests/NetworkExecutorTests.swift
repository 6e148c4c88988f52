import CheckModel
import CheckOptions
import Glibc
import HTTPClient
import Platform
import TestKit
import TestSupport
import Testing

@testable import NodeAgent

/// Checks against real sockets on loopback: each way to fail has its kind.
@Suite struct NetworkExecutorTests {
    private static let page = "# TYPE a counter\na{b=\"c\"} 1\na{b=\"d\"} 2\nup 1\n"

    /// Runs one check and waits for its end.
    static func outcome(_ check: String, _ instance: String) async throws -> CheckOutcome {
        let clock = SystemClock()
        let executor = NetworkExecutor(clock: clock)
        let definition = try CheckDefinition(check, instance: Array(instance.utf8))
        let outcome = await withCheckedContinuation { continuation in
            _ = executor.start(definition, deadline: clock.now() + definition.timeout) {
                continuation.resume(returning: $0)
            }
        }
        await executor.shutdown()
        return outcome
    }

    static func failure(_ check: String, _ instance: String) async throws -> CheckFailure? {
        guard case .failure(let failure) = try await outcome(check, instance) else { return nil }
        return failure
    }

    private func answering(_ status: Int, _ body: String = "", headers: [String] = []) -> LoopbackListener {
        LoopbackListener(.answers(LoopbackListener.response(status, body, headers: headers)))
    }

    @Test func `a service that answers is up`() async throws {
        let listener = answering(200, "all is well")
        let url = "http://127.0.0.1:\(listener.port)/"
        let http = try await Self.outcome("http_check", #"{"url":"\#(url)","content_match":"is well"}"#)
        #expect(http == .success(CheckSuccess()))
        let tcp = try await Self.outcome("tcp_check", #"{"host":"127.0.0.1","port":\#(listener.port)}"#)
        #expect(tcp == .success(CheckSuccess()))
        let named = try await Self.outcome("tcp_check", #"{"host":"localhost","port":\#(listener.port)}"#)
        #expect(named == .success(CheckSuccess()), "IPv6 is refused, then IPv4 accepts")
    }

    @Test func `the samples of a metrics page are counted`() async throws {
        let listener = answering(200, Self.page)
        let instance = #"{"prometheus_url":"http://127.0.0.1:\#(listener.port)/metrics"}"#
        #expect(try await Self.outcome("prometheus", instance) == .success(CheckSuccess(samples: 3)))
    }

    @Test func `a closed port is refused`() async throws {
        let port = LoopbackListener.closedPort()
        for (check, instance) in [
            ("http_check", #"{"url":"http://127.0.0.1:\#(port)/"}"#),
            ("prometheus", #"{"prometheus_url":"http://127.0.0.1:\#(port)/"}"#),
            ("tcp_check", #"{"host":"127.0.0.1","port":\#(port)}"#),
        ] {
            #expect(try await Self.failure(check, instance)?.kind == .refused, "\(check)")
        }
    }

    @Test func `a name without an address is a DNS failure`() async throws {
        for (check, instance) in [
            ("http_check", #"{"url":"http://nothing.invalid/"}"#),
            ("tcp_check", #"{"host":"nothing.invalid","port":1}"#),
        ] {
            let failure = try await Self.failure(check, instance)
            #expect(failure?.kind == .dns, "\(check): \(failure?.description ?? "up")")
            #expect(failure?.message.contains("nothing.invalid") == true)
        }
    }

    @Test func `a server that never answers times out`() async throws {
        let listener = LoopbackListener(.isSilent)
        for (check, key) in [("http_check", "url"), ("prometheus", "prometheus_url")] {
            let instance = #"{"\#(key)":"http://127.0.0.1:\#(listener.port)/","timeout":0.3}"#
            #expect(try await Self.failure(check, instance)?.kind == .timeout, "\(check)")
        }
    }

    @Test func `a connection that is not made in time times out`() async throws {
        let listener = LoopbackListener(.isFull)
        let instance = #"{"host":"127.0.0.1","port":\#(listener.port),"timeout":0.3}"#
        #expect(try await Self.failure("tcp_check", instance)?.kind == .timeout)
    }

    @Test func `an unexpected status is a failure of kind status`() async throws {
        let listener = answering(503)
        let url = "http://127.0.0.1:\(listener.port)/"
        let failure = try await Self.failure("http_check", #"{"url":"\#(url)"}"#)
        #expect(failure == CheckFailure(.status, #"status 503, expected (1|2|3)\d\d"#))
        let wanted = try await Self.outcome("http_check", #"{"url":"\#(url)","http_response_status_code":503}"#)
        #expect(wanted == .success(CheckSuccess()))
        #expect(try await Self.failure("prometheus", #"{"prometheus_url":"\#(url)"}"#)?.kind == .status)
    }

    @Test func `a body without the expected text is a failure of kind content`() async throws {
        let listener = answering(200, "maintenance")
        let instance = #"{"url":"http://127.0.0.1:\#(listener.port)/","content_match":"welcome"}"#
        #expect(try await Self.failure("http_check", instance)?.kind == .content)
    }

    @Test(arguments: [
        (#""content_match":"\"status\":\\s*\"ok\"""#, "{\"status\": \"ok\"}", "application/json", true),
        (#""content_match":"^down$","reverse_content_match":true"#, "down", "text/plain", false),
        (#""content_match":"^down$","reverse_content_match":true"#, "up", "text/plain", true),
        (#""content_match":"café""#, "café", "text/html", true),
        (#""content_match":"café""#, "café", "text/html; charset=UTF-8", true),
        (#""content_match":"cafÃ©""#, "café", "text/html; charset=\"ISO-8859-1\"", true),
        (#""content_match":"cafÃ©""#, "café", "text/html; charset=windows-1252", true),
        (#""content_match":"Ă©""#, "é", "text/html; charset=windows-1250", true),
        (#""content_match":"^й$""#, "\u{8}й", "text/html; charset=nothing-known", false),
        (#""content_match":"(a*)*b""#, String(repeating: "a", count: 50_000), "text/plain", false),
        (#""http_response_status_code":"4..""#, "", "text/plain", false),
        (#""http_response_status_code":"20""#, "", "text/plain", true),
    ])
    func `a pattern decides about the body and the status`(options: String, body: String, type: String, isUp: Bool)
        async throws
    {
        let listener = answering(200, body, headers: ["Content-Type: \(type)"])
        let failure = try await Self.failure(
            "http_check", #"{"url":"http://127.0.0.1:\#(listener.port)/",\#(options)}"#)
        #expect((failure == nil) == isUp, "\(failure?.message ?? "")")
    }

    @Test func `where only the status counts the body may be without end, but not broken`() async throws {
        let head = "HTTP/1.1 200 OK\r\n"
        let block = String(repeating: "x", count: 1 << 16)
        let cases: [(name: String, kind: CheckFailure.Kind?, serve: @Sendable (RawConnection) -> Void)] = [
            ("without end", nil, { connection in while connection.write(block) {} }),
            (
                "dripping", nil,
                { connection in
                    while connection.write("x") { usleep(50_000) }
                }
            ),
            ("silent", .timeout, { connection in connection.waitForClose() }),
            ("too short", .connect, { connection in connection.write("x") }),
        ]
        for (name, kind, serve) in cases {
            let server = try RawServer { connection in
                _ = connection.readRequest()
                connection.write("\(head)Content-Length: 99999999999\r\n\r\nx")
                serve(connection)
            }
            let failure = try await Self.failure("http_check", #"{"url":"\#(server.url())","timeout":2}"#)
            #expect(failure?.kind == kind, "\(name): \(failure?.description ?? "up")")
            let streamed = #"{"url":"\#(server.url())","timeout":2,"stream":true}"#
            #expect(try await Self.failure("http_check", streamed) == nil, "\(name)")
        }
        for broken in [
            "Transfer-Encoding: chunked\r\n\r\nZZ", "Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnone",
        ] {
            let server = try RawServer(answer: head + broken)
            let failure = try await Self.failure("http_check", #"{"url":"\#(server.url())","timeout":2}"#)
            #expect(failure?.kind == .malformed, "\(broken): \(failure?.description ?? "up")")
        }
    }

    @Test func `a body that is compressed more than once is refused`() async throws {
        let server = try RawServer(
            answer: "HTTP/1.1 200 X\r\nContent-Encoding: gzip, gzip\r\nContent-Length: 1\r\n\r\nx")
        let failure = try await Self.failure("http_check", #"{"url":"\#(server.url())"}"#)
        #expect(failure?.kind == .malformed && failure?.message.contains("more than once") == true)
    }

    @Test func `a user in the URL is for basic authentication`() async throws {
        let server = try RawServer(answer: "HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n")
        let url = "http://u%40x:p@127.0.0.1:\(server.port)/?next=file:///x"
        #expect(try await Self.failure("http_check", #"{"url":"\#(url)"}"#) == nil)
        let request = server.seen.requests.first ?? ""
        #expect(request.hasPrefix("GET /?next=file:///x HTTP/1.1\r\n"))
        #expect(request.contains("\r\nAuthorization: Basic dUB4OnA=\r\n"))
    }

    @Test func `a pipe is no file`() async throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/pipe"
        let made = unsafe mkfifo(path, 0o600)
        try #require(made == 0)
        for (check, instance) in [("tls", #""server":"127.0.0.1""#), ("http_check", #""url":"https://127.0.0.1:1/""#)] {
            let failure = try await Self.failure(check, #"{\#(instance),"tls_ca_cert":"\#(path)"}"#)
            #expect(failure?.kind == .config && failure?.message.contains("tls_ca_cert") == true)
        }
    }

    @Test func `an expired certificate has the kind of one that expires`() {
        let expired = HTTPClientError.tls("the certificate of h is not trusted (certificate has expired)")
        #expect(CheckFailure(expired).kind == .certificate)
        #expect(CheckFailure(HTTPClientError.tls("self-signed certificate")).kind == .tls)
    }

    @Test func `the instance's header replaces ours`() async throws {
        let listener = answering(200, Self.page)
        let instance = #"{"prometheus_url":"http://127.0.0.1:\#(listener.port)/","headers":{"accept":"x/y"}}"#
        let definition = try CheckDefinition("prometheus", instance: Array(instance.utf8))
        guard case .prometheus(let check) = definition.work else { return }
        #expect(check.clientRequest.headers.map(\.name) == ["accept"])
        #expect(try await Self.outcome("prometheus", instance) == .success(CheckSuccess(samples: 3)))
        let plain = try CheckDefinition("prometheus", instance: Array(#"{"prometheus_url":"http://a/"}"#.utf8))
        guard case .prometheus(let standard) = plain.work else { return }
        #expect(standard.clientRequest.headers.map(\.value) == ["text/plain;version=0.0.4,*/*;q=0.1"])
    }

    @Test func `a compressed body is decoded whether it was asked for or not`() async throws {
        // `printf 'up 1\n' | gzip -n`.
        let gzip: [UInt8] = [
            0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 0x2B, 0x2D, 0x50, 0x30, 0xE4, 0x02, 0, 0x72, 0x90, 0xEA, 0x82, 5, 0, 0,
            0,
        ]
        let head =
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: \(gzip.count)\r\nConnection: close\r\n\r\n"
        let listener = LoopbackListener(.answers(Array(head.utf8) + gzip))
        for headers in ["", #","headers":{"Accept-Encoding":"identity"}"#] {
            let instance = #"{"prometheus_url":"http://127.0.0.1:\#(listener.port)/"\#(headers)}"#
            #expect(try await Self.outcome("prometheus", instance) == .success(CheckSuccess(samples: 1)))
        }
    }

    @Test func `redirects are followed up to thirty`() async throws {
        let target = answering(204)
        let redirecting = answering(302, headers: ["Location: http://127.0.0.1:\(target.port)/"])
        let url = "http://127.0.0.1:\(redirecting.port)/"
        let strict = #","http_response_status_code":"204""#
        #expect(try await Self.outcome("http_check", #"{"url":"\#(url)"\#(strict)}"#) == .success(CheckSuccess()))
        let unfollowed = #"{"url":"\#(url)","allow_redirects":false\#(strict)}"#
        #expect(try await Self.failure("http_check", unfollowed)?.message.hasPrefix("status 302") == true)

        let looping = answering(302, headers: ["Location: /"])
        let failure = try await Self.failure("http_check", #"{"url":"http://127.0.0.1:\#(looping.port)/"}"#)
        #expect(failure?.kind == .status)
        #expect(failure?.message.contains("30") == true)
    }

    @Test(arguments: [
        ("prometheus", "", "text/plain", CheckFailure.Kind?.some(.malformed)), ("openmetrics", "", "text/plain", nil),
        ("prometheus", "", "application/openmetrics-text; version=1.0.0", nil),
        ("prometheus", #","use_latest_spec":true"#, "text/plain", nil),
        ("prometheus", #","raw_line_filters":["^# TYPE","^a_total","EOF$"]"#, "text/plain", nil),
        ("prometheus", #","raw_line_filters":["^# TYPE"]"#, "text/plain", .malformed),
        ("openmetrics", #","raw_line_filters":["EOF$"]"#, "application/openmetrics-text", .malformed),
    ])
    func `OpenMetrics is read where the check or the page says so`(
        check: String, options: String, type: String, kind: CheckFailure.Kind?
    ) async throws {
        let page = "# TYPE a counter\na_total 1 # {} 1\n# EOF\n"
        let listener = answering(200, page, headers: ["Content-Type: \(type)"])
        let url = "http://127.0.0.1:\(listener.port)/"
        let failure = try await Self.failure(check, #"{"openmetrics_endpoint":"\#(url)"\#(options)}"#)
        #expect(failure?.kind == kind, "\(failure?.description ?? "up")")
    }

    @Test func `a token is read at each run and sent in its header`() async throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("token", " first\n")
        let server = try RawServer(answer: "HTTP/1.1 200 X\r\nContent-Length: 5\r\n\r\nup 1\n")
        let token =
            #""auth_token":{"reader":{"type":"file","path":"\#(path)"},"writer":{"type":"header","name":"X-T","value":"t <TOKEN>"}}"#
        let plain = #"{"openmetrics_endpoint":"\#(server.url())",\#(token)}"#
        let older = #"{"prometheus_url":"\#(server.url())","bearer_token_auth":true,"bearer_token_path":"\#(path)"}"#
        #expect(try await Self.failure("openmetrics", plain) == nil)
        try directory.write("token", "second")
        #expect(try await Self.failure("prometheus", older) == nil)
        let requests = server.seen.requests
        #expect(requests.count == 2 && requests[0].contains("\r\nX-T: t first\r\n"))
        #expect(requests.last?.contains("\r\nAuthorization: Bearer second\r\n") == true)
        try directory.write("token", " \n")
        #expect(try await Self.failure("prometheus", older)?.kind == .config)
    }

    @Test func `the default headers are left out if the instance says so`() async throws {
        let server = try RawServer(answer: "HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n")
        let options = #""include_default_headers":false,"extra_headers":{"X-Y":"z"}"#
        #expect(try await Self.failure("http_check", #"{"url":"\#(server.url())",\#(options)}"#) == nil)
        let request = server.seen.requests.first ?? ""
        #expect(request.contains("\r\nX-Y: z\r\n"))
        #expect(!request.contains("\r\nUser-Agent:") && !request.contains("\r\nAccept:"))
    }

    @Test func `a proxy is asked where an instance has one`() async throws {
        let proxy = try RawServer(answer: "HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n")
        let options = #""proxy":{"http":"127.0.0.1:\#(proxy.port)","no_proxy":["b.invalid"]}"#
        #expect(try await Self.failure("http_check", #"{"url":"http://a.invalid/",\#(options)}"#) == nil)
        #expect(try await Self.failure("http_check", #"{"url":"http://b.invalid/",\#(options)}"#)?.kind == .dns)
        #expect(proxy.seen.requests.map { $0.hasPrefix("GET http://a.invalid/ ") } == [true])
    }

    @Test func `all addresses of a name, or its IPv4 ones, are tried if the instance says so`() async throws {
        let listener = answering(200)
        let target = #""host":"localhost","port":\#(listener.port)"#
        #expect(try await Self.failure("tcp_check", #"{\#(target),"ipv4_only":true}"#) == nil)
        let all = try await Self.failure("tcp_check", #"{\#(target),"multiple_ips":true}"#)
        // Some machines have no IPv6 for it.
        let count = try AddressList(TCPCheck(host: "localhost", port: listener.port)).count
        #expect(all?.kind == (count > 1 ? .refused : nil) && all?.message.hasPrefix("address 1 of 2: ") ?? true)
        #expect(try await Self.failure("tcp_check", #"{\#(target),"ipv4_only":true,"multiple_ips":true}"#) == nil)
    }

    @Test func `a page that is not an exposition is malformed, with the line`() async throws {
        let listener = answering(200, "up 1\n<html>\n")
        let instance = #"{"prometheus_url":"http://127.0.0.1:\#(listener.port)/"}"#
        let failure = try await Self.failure("prometheus", instance)
        #expect(failure?.kind == .malformed)
        #expect(failure?.message.contains("line 2") == true)
    }

    @Test func `an answer that is not HTTP is malformed`() async throws {
        let listener = LoopbackListener(.answers(Array("-ERR unknown command\r\n".utf8)))
        let failure = try await Self.failure("http_check", #"{"url":"http://127.0.0.1:\#(listener.port)/"}"#)
        #expect(failure?.kind == .malformed, "\(failure?.description ?? "up")")
    }

    @Test func `a connection closed without an answer is a failure of kind connect`() async throws {
        let listener = LoopbackListener(.answers([]))
        let failure = try await Self.failure("http_check", #"{"url":"http://127.0.0.1:\#(listener.port)/"}"#)
        #expect(failure?.kind == .connect, "\(failure?.description ?? "up")")
    }

    @Test func `plain HTTP at an https URL is a failure of kind TLS`() async throws {
        let listener = LoopbackListener(.greets(LoopbackListener.response(400)))
        let failure = try await Self.failure("http_check", #"{"url":"https://127.0.0.1:\#(listener.port)/"}"#)
        #expect(failure?.kind == .tls, "\(failure?.description ?? "up")")
    }

    @Test(arguments: ["/nonexistent/ca.pem", "/proc/self/cmdline"])
    func `an unusable CA is a failure of kind config`(_ path: String) async throws {
        let failure = try await Self.failure("http_check", #"{"url":"https://127.0.0.1:1/","tls_ca_cert":"\#(path)"}"#)
        #expect(failure?.kind == .config)
        #expect(failure?.message.contains("tls_ca_cert") == true)
    }

    @Test func `a cancelled run ends`() async throws {
        let (silent, full) = (LoopbackListener(.isSilent), LoopbackListener(.isFull))
        let clock = SystemClock()
        let executor = NetworkExecutor(clock: clock)
        for (check, instance) in [
            ("http_check", #"{"url":"http://127.0.0.1:\#(silent.port)/","timeout":500}"#),
            ("tcp_check", #"{"host":"127.0.0.1","port":\#(full.port),"timeout":500}"#),
        ] {
            let definition = try CheckDefinition(check, instance: Array(instance.utf8))
            let ended = Watched(false)
            let stop = executor.start(definition, deadline: clock.now() + definition.timeout) { _ in ended.set(true) }
            stop()
            try await eventually { ended.value }
        }
        await executor.shutdown()
    }
}
