import Glibc
import HTTPClient
import Platform
import TestKit
import TestSupport
import Testing

/// Cancellation, shutdown, and that nothing is left behind.
@Suite struct EndTests {
    /// A server that takes a request and never answers.
    private func silentServer() throws -> RawServer {
        try RawServer { connection in
            _ = connection.readRequest()
            connection.waitForClose()
        }
    }

    private func waitForRequests(_ count: Int, _ server: RawServer) async throws {
        try await eventually(within: .seconds(30), "\(count) requests") {
            server.seen.requests.count >= count
        }
    }

    private func waitForCloses(_ count: Int, _ server: RawServer) async throws {
        try await eventually(within: .seconds(30), "\(count) closes") { server.seen.closedByPeer >= count }
    }

    @Test func `cancelling stops the transfer and the server sees it`() async throws {
        let server = try silentServer()
        let client = try plainClient()
        let completions = Completions()
        let transfer = client.start(ClientRequest(url: server.url()), deadline: farDeadline) { completions.add($0) }
        try await waitForRequests(1, server)
        transfer.cancel()
        transfer.cancel()
        try await waitForCloses(1, server)
        try await eventually(within: .seconds(30), "the completion") { completions.count > 0 }
        await client.shutdown()
        #expect(completions.kinds == ["cancelled"])
    }

    @Test func `cancelling the task stops the transfer`() async throws {
        let server = try silentServer()
        let client = try plainClient()
        let task = Task { try await client.send(ClientRequest(url: server.url()), deadline: farDeadline) }
        try await waitForRequests(1, server)
        task.cancel()
        await #expect(throws: HTTPClientError.cancelled) { try await task.value }
        try await waitForCloses(1, server)
    }

    @Test func `a task that was cancelled before sending gets no response`() async throws {
        let server = try silentServer()
        let client = try plainClient()
        let gate = Gate()
        let task = Task {
            gate.wait()
            return try await client.send(ClientRequest(url: server.url()), deadline: .distantFuture)
        }
        task.cancel()
        gate.open()
        await #expect(throws: HTTPClientError.cancelled) { try await task.value }
    }

    @Test func `cancelling a finished transfer does nothing`() async throws {
        let server = try RawServer(answer: RequestTests.ok)
        let client = try plainClient()
        let completions = Completions()
        let transfer = client.start(ClientRequest(url: server.url()), deadline: farDeadline) { completions.add($0) }
        try await eventually(within: .seconds(30), "the response") { completions.count > 0 }
        transfer.cancel()
        #expect(try await client.send(ClientRequest(url: server.url()), deadline: farDeadline).status == 200)
        await client.shutdown()
        #expect(completions.kinds == ["200"])
        #expect(server.seen.connections == 1)
    }

    @Test func `shutdown fails each transfer once and closes every connection`() async throws {
        let server = try silentServer()
        let client = try plainClient { $0.maximumConnectionsPerHost = 3 }
        let completions = Completions()
        for _ in 0..<5 {
            client.start(ClientRequest(url: server.url()), deadline: farDeadline) { completions.add($0) }
        }
        try await waitForRequests(3, server)
        await client.shutdown()
        #expect(completions.kinds == Array(repeating: "closed", count: 5))
        try await waitForCloses(3, server)
        client.start(ClientRequest(url: server.url()), deadline: farDeadline) { completions.add($0) }
        #expect(completions.count == 6)
        #expect(await failure(client, ClientRequest(url: server.url())) == .closed)
        await client.shutdown()
        #expect(completions.count == 6)
    }

    @Test func `a released client shuts down by itself`() async throws {
        let server = try silentServer()
        let completions = Completions()
        do {
            let client = try plainClient()
            client.start(ClientRequest(url: server.url()), deadline: farDeadline) { completions.add($0) }
            try await waitForRequests(1, server)
        }
        try await waitForCloses(1, server)
        try await eventually(within: .seconds(30), "the completion") { completions.count > 0 }
        #expect(completions.kinds == ["closed"])
    }

    @Test func `a completion may start the next request and release the client`() async throws {
        let server = try RawServer(answer: RequestTests.ok)
        let completions = Completions()
        do {
            let client = try plainClient()
            client.start(ClientRequest(url: server.url()), deadline: farDeadline) { result in
                completions.add(result)
                client.start(ClientRequest(url: server.url()), deadline: farDeadline) { result in
                    completions.add(result)
                    _ = client
                }
            }
        }
        try await eventually(within: .seconds(30), "two completions") { completions.count == 2 }
        #expect(completions.kinds == ["200", "200"])
    }

    @Test func `each of many concurrent transfers completes once`() async throws {
        let server = try RawServer(answer: RequestTests.ok)
        let client = try plainClient()
        let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<200 {
                group.addTask {
                    let request = ClientRequest(url: server.url("/\(number)"))
                    return try await client.send(request, deadline: farDeadline).status
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(statuses == Array(repeating: 200, count: 200))
        #expect(server.seen.requests.count == 200)
    }

    /// In a process of its own, whose descriptors nobody else counts.
    @Test func `a thousand requests leak no file descriptor`() async {
        await #expect(processExitsWith: .success) {
            let server = try RawServer { connection in
                while let request = connection.readRequest() {
                    if request.hasPrefix("GET /close ") { return }
                    connection.write(RequestTests.ok)
                }
            }
            let refusing = try TestEnvironment.freePort()
            // The runtime opens descriptors of its own when it first sleeps.
            try await SystemClock().sleep(until: SystemClock().now() + .milliseconds(1))
            let before = openDescriptors()
            // The first client also sets libcurl up.
            let warm = try plainClient()
            _ = try await warm.send(ClientRequest(url: server.url()), deadline: farDeadline)
            await warm.shutdown()
            for reuses in [true, false] {
                let client = try plainClient { $0.reusesConnections = reuses }
                for number in 0..<500 {
                    switch number % 5 {
                    case 0: _ = await failure(client, ClientRequest(url: server.url("/close")))
                    case 1: _ = await failure(client, ClientRequest(url: "http://127.0.0.1:\(refusing)/"))
                    case 2: client.start(ClientRequest(url: server.url()), deadline: farDeadline) { _ in }.cancel()
                    default: _ = try await client.send(ClientRequest(url: server.url()), deadline: farDeadline)
                    }
                }
                await client.shutdown()
            }
            try await eventually(within: .seconds(30), "no descriptor more than before, \(openDescriptors())") {
                openDescriptors() == before
            }
        }
    }
}

/// How many descriptors this process has open, but for the timers that the runtime makes.
func openDescriptors() -> Int {
    (0..<1_024).count { descriptor in
        var name = [CChar](repeating: 0, count: 64)
        let length = unsafe readlink("/proc/self/fd/\(descriptor)", &name, name.count)
        guard length > 0 else { return false }
        let target = String(decoding: name.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return target != "anon_inode:[timerfd]"
    }
}
