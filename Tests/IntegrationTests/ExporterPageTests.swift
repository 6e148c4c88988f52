import HTTPClient
import Platform
import TestKit
import TestSupport
import Testing

@testable import NodeAgent

/// The metrics pages of real programs are read: those of Kubernetes and etcd, which are the largest that people have.
/// `ExpositionTests` has a Prometheus server's own.
@Suite(.timeLimit(.minutes(5))) struct ExporterPageTests {
    @Test func `the pages of kube-apiserver and etcd are read to their ends`() async throws {
        let plane = try await ControlPlane.start()
        let server = try await plane.kubectl("get", "--raw", "/metrics")
        let client = try HTTPClient(options: HTTPClientOptions(allowsPlainHTTP: true), clock: SystemClock())
        let request = ClientRequest(url: "\(try plane.setting("ETCD_URL"))/metrics")
        let etcd = try await client.send(request, deadline: SystemClock().now() + .seconds(10))
        await client.shutdown()
        for (name, page) in [("kube-apiserver", Array(server.utf8)), ("etcd", etcd.body)] {
            let lines = page.split(separator: UInt8(ascii: "\n")).count { $0.first != UInt8(ascii: "#") }
            #expect(try Exposition(page).samples == lines && lines > 500, "\(name)")
            print("page of \(name): \(page.count) bytes, \(lines) samples")
        }
        try await plane.stop()
    }
}
