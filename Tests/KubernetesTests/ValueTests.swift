import Kubernetes
import Platform
import Testing

@testable import Kubernetes

@Suite struct OptionValidationTests {
    private static func problem(
        _ lease: Duration, _ renew: Duration, _ retry: Duration, identity: String = "me"
    ) -> String? {
        let options = LeaderElectionOptions(
            identity: identity, leaseDuration: lease, renewDeadline: renew, retryPeriod: retry)
        do throws(KubernetesError) {
            try options.validate()
            return nil
        } catch {
            return error.description
        }
    }

    @Test func `the defaults are valid`() {
        #expect(Self.problem(.seconds(15), .seconds(10), .seconds(2)) == nil)
    }

    @Test func `each invalid option has upstream's message`() {
        #expect(
            Self.problem(.seconds(10), .seconds(10), .seconds(2)) == "leaseDuration must be greater than renewDeadline")
        #expect(
            Self.problem(.seconds(15), .milliseconds(2400), .seconds(2))
                == "renewDeadline must be greater than retryPeriod*JitterFactor")
        #expect(
            Self.problem(.seconds(-1), .seconds(-2), .seconds(-3)) == "leaseDuration must be greater than zero")
        #expect(Self.problem(.seconds(1), .zero, .seconds(-1)) == "renewDeadline must be greater than zero")
        #expect(Self.problem(.seconds(15), .seconds(10), .zero) == "retryPeriod must be greater than zero")
        #expect(Self.problem(.seconds(15), .seconds(10), .seconds(2), identity: "") == "Lock identity is empty")
    }

    @Test func `the recorded duration is rounded up`() {
        #expect(LeaderElectionOptions(identity: "a", leaseDuration: .milliseconds(1001)).recordedDuration == 2)
        #expect(LeaderElectionOptions(identity: "a", leaseDuration: .seconds(15)).recordedDuration == 15)
    }

    @Test func `a request may take half the renew deadline but at least a second`() {
        #expect(LeaderElectionOptions(identity: "a").requestTimeout == .seconds(5))
        #expect(LeaderElectionOptions(identity: "a", renewDeadline: .seconds(1)).requestTimeout == .seconds(1))
    }
}

@Suite struct MicroTimeTests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1_767_323_045_000_000_000, "2026-01-02T03:04:05.000000Z"),
        (1_767_323_045_123_456_789, "2026-01-02T03:04:05.123456Z"),
        (951_782_399_999_999_999, "2000-02-28T23:59:59.999999Z"),
        (951_782_400_000_000_999, "2000-02-29T00:00:00.000000Z"),
        (1_709_164_800_000_001_000, "2024-02-29T00:00:00.000001Z"),
        (4_107_542_400_000_000_000, "2100-03-01T00:00:00.000000Z"),
        (-1_000, "1969-12-31T23:59:59.999999Z"),
    ])
    func `a time has six fractional digits`(nanoseconds: Int64, text: String) {
        #expect(MicroTime.text(WallTime(nanoseconds: nanoseconds)) == text)
    }
}

@Suite struct LeaseCodingTests {
    private static let stored = """
        {"kind":"Lease","apiVersion":"coordination.k8s.io/v1","metadata":{"name":"lb","namespace":"ns","uid":"u-1",
        "resourceVersion":"123","generation":9007199254740993,"labels":null,"creationTimestamp":"2026-01-01T00:00:00Z",
        "annotations":{"a.b/c":"\\u00e9\\n","cluster-agent/address":"h:1"},"ownerReferences":[{"controller":true,"x":null}],
        "managedFields":[{"manager":"m","fieldsV1":{"f:spec":{"f:holderIdentity":{},".":{}}}}]},
        "spec":{"holderIdentity":"x","leaseDurationSeconds":15,"renewTime":"2026-01-01T00:00:00.5Z","unknown":1}}
        """

    @Test func `unknown metadata is written back as it came`() throws {
        let lease = try decode(Lease.self, from: Array(Self.stored.utf8), place: "test")
        let sent = String(decoding: lease.encoded(), as: UTF8.self)
        let metadata =
            #""metadata":{"annotations":{"a.b/c":"é\n","cluster-agent/address":"h:1"},"#
            + #""creationTimestamp":"2026-01-01T00:00:00Z","generation":9007199254740993,"labels":null,"#
            + #""managedFields":[{"fieldsV1":{"f:spec":{".":{},"f:holderIdentity":{}}},"manager":"m"}],"#
            + #""name":"lb","namespace":"ns","ownerReferences":[{"controller":true,"x":null}],"#
            + #""resourceVersion":"123","uid":"u-1"}"#
        #expect(sent.contains(metadata))
        #expect(sent.contains(#""spec":{"holderIdentity":"x","leaseDurationSeconds":15,"renewTime":"#))
        #expect(sent.hasPrefix(#"{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","#))
    }

    @Test func `an empty holder is written`() throws {
        let lease = Lease(namespace: "n", name: "l", labels: ["a": "b"], spec: LeaseSpec(holderIdentity: ""))
        let sent = String(decoding: lease.encoded(), as: UTF8.self)
        #expect(sent.contains(#""spec":{"holderIdentity":""}"#))
        #expect(sent.contains(#""metadata":{"labels":{"a":"b"},"name":"l","namespace":"n"}"#))
    }

    @Test func `annotations are replaced by prefix, even if there were none`() throws {
        var lease = try decode(Lease.self, from: Array(Self.stored.utf8), place: "test")
        lease.replaceAnnotations(prefix: "cluster-agent/", with: ["cluster-agent/x": "1"])
        #expect(lease.annotations == ["a.b/c": "é\n", "cluster-agent/x": "1"])
        var bare = Lease(namespace: "n", name: "l")
        bare.replaceAnnotations(prefix: "p", with: [:])
        #expect(bare == Lease(namespace: "n", name: "l"))
        bare.replaceAnnotations(prefix: "p", with: ["p": "1"])
        #expect(bare.annotations == ["p": "1"])
    }

    @Test(arguments: [#"{"metadata":{"name":"l"}}"#, #"{"metadata":{"name":"l"},"spec":null}"#])
    func `a missing spec is an empty one`(text: String) throws {
        #expect(try decode(Lease.self, from: Array(text.utf8), place: "test").spec == LeaseSpec())
    }
}

@Suite struct ServiceCodingTests {
    private static func service(_ text: String) throws -> Service {
        try decode(Service.self, from: Array(text.utf8), place: "GET /x")
    }

    @Test func `a Service is read as servers send it`() throws {
        let service = try Self.service(
            """
            {"metadata":{"name":"web","namespace":"shop","uid":"u","resourceVersion":"7","labels":{"app":"web"},
            "annotations":{"ad.datadoghq.com/service.checks":"{}","service-discovery.datadoghq.com/service.instances":"[]",
            "kubectl.kubernetes.io/last-applied-configuration":"{}"},"managedFields":[{}]},
            "spec":{"ports":[{"name":"http","protocol":"TCP","port":80,"targetPort":"web"},{"port":53,"protocol":"UDP"}],
            "clusterIP":"10.0.0.7","clusterIPs":["10.0.0.7"],"type":"NodePort"},"status":{"loadBalancer":{}}}
            """)
        #expect(service.name == "web" && service.namespace == "shop" && service.uid == "u")
        #expect(service.resourceVersion == "7" && service.clusterIP == "10.0.0.7")
        #expect(service.labels == ["app": "web"])
        let older: ExactText = "service-discovery.datadoghq.com/service.instances"
        #expect(service.annotations == ["ad.datadoghq.com/service.checks": "{}", older: "[]"])
        #expect(service.ports == [.init(name: "http", port: 80), .init(port: 53)])
    }

    @Test(arguments: [
        #"{"metadata":{"name":"w","resourceVersion":"1"}}"#,
        #"{"metadata":{"name":"w","resourceVersion":"1","labels":null,"annotations":null,"uid":null},"spec":null}"#,
        #"{"metadata":{"name":"w","resourceVersion":"1"},"spec":{"ports":null,"clusterIP":null,"type":null}}"#,
    ])
    func `missing and null are empty`(text: String) throws {
        let service = try Self.service(text)
        #expect(service == Service(metadata: .init(name: "w", namespace: "", resourceVersion: "1"), clusterIP: ""))
    }

    @Test(arguments: [
        (#"{"metadata":{"resourceVersion":"1"}}"#, "metadata.name is missing"),
        (
            #"{"metadata":{"name":"a","resourceVersion":"1"},"spec":{"ports":[{"port":1},{}]}}"#,
            "spec.ports[1].port is missing"
        ),
        (
            #"{"metadata":{"name":"a","resourceVersion":"1"},"spec":{"ports":[{"port":"80"}]}}"#,
            "spec.ports[0].port is a string, not an integer"
        ),
        (
            #"{"metadata":{"name":"a","resourceVersion":"1","labels":{"x":1}}}"#,
            "metadata.labels.x is a number, not a string"
        ),
        (#"{"metadata":{"name":"a"#, "line 1, column 23: ends inside a string"),
    ])
    func `an error names the place and the reason`(text: String, expected: String) {
        do throws(KubernetesError) {
            _ = try decode(Service.self, from: Array(text.utf8), place: "GET /api/v1/services")
            Issue.record("it was read")
        } catch {
            #expect(error.description.contains("GET /api/v1/services"))
            #expect(error.description.contains(expected), "\(error)")
        }
    }
}

@Suite struct StatusTests {
    @Test func `every field may be missing`() throws {
        let status = try decode(Status.self, from: Array(#"{"kind":"Status"}"#.utf8), place: "")
        #expect(status == Status(code: 0, reason: "Unknown"))
    }

    @Test func `another kind is not a Status`() {
        #expect(throws: KubernetesError.self) {
            try decode(Status.self, from: Array(#"{"kind":"Lease"}"#.utf8), place: "")
        }
    }

    @Test(arguments: [(409, "Conflict"), (418, "Unknown"), (502, "InternalError"), (503, "ServiceUnavailable")])
    func `a status code without a reason gets the usual one`(code: Int, reason: String) {
        #expect(Status(code: code).reason == reason)
    }

    @Test func `a long message is cut and kept on one line`() {
        let status = Status(code: 502, message: "<html>\n" + String(repeating: "x", count: 5000))
        #expect(status.message.utf8.count == Status.messageBytes)
        #expect(!status.description.contains("\n"))
    }
}

@Suite struct LineSplitterTests {
    private static let text = Array("{\"a\":\"é\"}\n\n \r\n{\"b\":\"日本\"}\r\nrest".utf8)

    @Test func `lines are the same however the bytes arrive`() throws {
        for size in 1...Self.text.count {
            var splitter = LineSplitter()
            var lines: [String] = []
            for start in stride(from: 0, to: Self.text.count, by: size) {
                let chunk = Array(Self.text[start..<min(start + size, Self.text.count)])
                lines += try splitter.append(chunk).map { String(decoding: $0, as: UTF8.self) }
            }
            #expect(lines == [#"{"a":"é"}"#, "{\"b\":\"日本\"}\r"])
            #expect(splitter.hasPartialLine)
        }
    }

    @Test func `a line beyond the limit is refused`() throws {
        var splitter = LineSplitter(limit: 4)
        #expect(try splitter.append(Array("1234\n".utf8)).count == 1)
        #expect(try splitter.append(Array("12".utf8)).isEmpty)
        #expect(throws: KubernetesError.malformed(place: "watch", reason: "a line is longer than 4 bytes")) {
            try splitter.append(Array("345".utf8))
        }
    }
}

@Suite struct WatchEventTests {
    private static func event(_ text: String) throws -> WatchEvent<Service> {
        try decode(WatchEvent<Service>.self, from: Array(text.utf8), place: "watch")
    }

    @Test func `each kind of watch event is read`() throws {
        let object = #"{"kind":"Service","metadata":{"name":"w","resourceVersion":"5"}}"#
        guard case .applied(let added) = try Self.event(#"{"type":"ADDED","object":\#(object)}"#),
            case .applied = try Self.event(#"{"type":"MODIFIED","object":\#(object)}"#),
            case .deleted = try Self.event(#"{"type":"DELETED","object":\#(object)}"#),
            case .bookmark("9") = try Self.event(#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}"#),
            case .unknown("NEW") = try Self.event(#"{"type":"NEW","object":3}"#)
        else {
            Issue.record("read as another kind")
            return
        }
        #expect(added.resourceVersion == "5")
    }

    @Test(arguments: [
        #"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}"#,
        #"{"kind":"Status","code":410,"reason":"Gone"}"#,
    ])
    func `an expired version is an error event`(text: String) throws {
        guard case .error(let status) = try Self.event(text) else {
            Issue.record("read as another kind")
            return
        }
        #expect(status.isExpired)
    }

    @Test(arguments: [#"{"type":"ADDED","object":{}}"#, #"{"type":"ADDED"}"#, "[]", #"{"a":1}"#])
    func `what is not a watch event is refused`(text: String) {
        #expect(throws: KubernetesError.self) { try Self.event(text) }
    }
}
