import JSON
import Platform
import Testing

@testable import Kubernetes

private func read<Object: JSONReadable>(_ type: Object.Type, _ text: String) throws -> Object {
    try decode(type, from: Array(text.utf8), place: "test")
}

/// The three forms in which a server may tell a Service's endpoints; each golden file is in the form of the public
/// documentation.
@Suite struct ServiceEndpointsCodingTests {
    private static let folder = "\(#filePath.prefix(upTo: #filePath.lastIndex(of: "/") ?? #filePath.endIndex))/golden"
    private static let pod = ObjectReference(
        apiVersion: "", kind: "Pod", namespace: "default", name: "example-5d7c9-x2x4z",
        uid: "0b9d0d8e-2ff5-4a0e-a8b1-3f6f5f4b2c11")

    private static func golden(_ name: String) throws -> ServiceEndpoints {
        let bytes = try readFile("\(folder)/\(name).json", atMost: 1 << 20)
        return try decode(ServiceEndpoints.self, from: bytes, place: name)
    }

    @Test func `an EndpointSlice of v1 is read`() throws {
        let slice = try Self.golden("endpointslice-v1")
        #expect(
            slice
                == ServiceEndpoints(
                    metadata: ObjectMetadata(
                        name: "example-abc", namespace: "default", uid: "8f4b6a0e-1c0a-4c54-9d7c-6a3d3d5b1f10",
                        resourceVersion: "271828"),
                    serviceName: "example",
                    subsets: [
                        .init(
                            endpoints: [
                                .init(addresses: ["10.1.2.3"], nodeName: "node-1", target: Self.pod),
                                .init(
                                    addresses: ["10.1.2.4"], isReady: false, isTerminating: true, nodeName: "node-2"),
                                .init(addresses: ["10.1.2.5"]),
                            ],
                            ports: [.init(name: "http", port: 80), .init(name: "any", port: nil)])
                    ]))
    }

    @Test func `an EndpointSlice of v1beta1 has its nodes in the topology`() throws {
        let slice = try Self.golden("endpointslice-v1beta1")
        var pod = Self.pod
        pod.resourceVersion = "1600"
        #expect(slice.serviceName == "example" && slice.metadata.resourceVersion == "1618")
        #expect(
            slice.subsets == [
                .init(
                    endpoints: [
                        .init(addresses: ["10.1.2.3"], nodeName: "node-1", target: pod),
                        .init(addresses: ["10.1.2.4"]),
                        .init(addresses: ["10.1.2.5"], isReady: false, isServing: false),
                    ], ports: [.init(port: 80)])
            ])
    }

    @Test func `an Endpoints object has the name of its Service`() throws {
        let endpoints = try Self.golden("endpoints-v1")
        var pod = Self.pod
        pod.resourceVersion = "1600"
        #expect(endpoints.serviceName == "example" && endpoints.metadata.uid.hasPrefix("4be7d9a2"))
        #expect(endpoints.metadata.labels.isEmpty && endpoints.metadata.annotations.isEmpty)
        #expect(
            endpoints.subsets == [
                .init(
                    endpoints: [
                        .init(addresses: ["10.1.2.3"], nodeName: "node-1", target: pod),
                        .init(addresses: ["10.1.2.4"], isReady: false, isServing: false, nodeName: "node-2"),
                    ], ports: [.init(name: "http", port: 80)]),
                .init(endpoints: [.init(addresses: ["10.1.2.5"])], ports: [.init(port: 8080)]),
            ])
    }

    @Test(arguments: [
        #""addressType":"IPv4""#, #""addressType":"IPv4","endpoints":null,"ports":null"#,
        #""addressType":"IPv4","endpoints":[],"ports":[]"#,
    ])
    func `an EndpointSlice may lack every list`(fields: String) throws {
        let slice = try read(ServiceEndpoints.self, #"{"metadata":{"name":"s","resourceVersion":"1"},\#(fields)}"#)
        #expect(slice.serviceName == "")
        #expect(slice.subsets == [.init(endpoints: [], ports: [])])
    }

    @Test(arguments: ["", #","subsets":null"#, #","subsets":[]"#])
    func `an Endpoints object may lack every list`(fields: String) throws {
        let metadata = #""metadata":{"name":"s","resourceVersion":"1"}"#
        #expect(try read(ServiceEndpoints.self, "{\(metadata)\(fields)}").subsets.isEmpty)
        let bare = try read(
            ServiceEndpoints.self,
            #"{\#(metadata),"subsets":[{"addresses":null,"notReadyAddresses":null,"ports":null}]}"#)
        #expect(bare.subsets == [.init(endpoints: [], ports: [])])
    }

    @Test func `an endpoint may lack its addresses`() throws {
        let slice = try read(
            ServiceEndpoints.self,
            #"{"metadata":{"name":"s","resourceVersion":"1"},"addressType":"FQDN","endpoints":[{"addresses":null}]}"#)
        #expect(slice.subsets.first?.endpoints == [.init(addresses: [])])
    }
}

@Suite struct PodCodingTests {
    @Test func `a pod is read as servers send it`() throws {
        let pod = try read(
            Pod.self,
            """
            {"metadata":{"name":"a-1","namespace":"agents","uid":"u","resourceVersion":"7","labels":{"app":"a"},
            "annotations":{"x":"y"},"deletionTimestamp":"2026-01-02T03:04:05Z","deletionGracePeriodSeconds":30},
            "spec":{"nodeName":"node-1","containers":[]},
            "status":{"phase":"Running","hostIP":"192.0.2.1","podIP":"10.1.2.3","podIPs":[{"ip":"10.1.2.3"},{"ip":"fd00::3"}],
            "conditions":[{"type":"Initialized","status":"True"},{"type":"Ready","status":"True","lastProbeTime":null}]}}
            """)
        #expect(
            pod
                == Pod(
                    metadata: ObjectMetadata(
                        name: "a-1", namespace: "agents", uid: "u", resourceVersion: "7",
                        deletionTimestamp: "2026-01-02T03:04:05Z"), nodeName: "node-1",
                    addresses: ["10.1.2.3", "fd00::3"], isReady: true))
        #expect(pod.isTerminating)
    }

    @Test(arguments: [
        "", #","spec":null,"status":null"#, #","spec":{},"status":{}"#,
        #","spec":{"nodeName":null},"status":{"podIPs":null,"podIP":"","conditions":null}"#,
    ])
    func `a pod that is not scheduled has no node and no address`(fields: String) throws {
        let pod = try read(Pod.self, #"{"metadata":{"name":"a","resourceVersion":"1"}\#(fields)}"#)
        #expect(
            pod
                == Pod(metadata: ObjectMetadata(name: "a", namespace: "", resourceVersion: "1")))
        #expect(!pod.isTerminating)
    }

    @Test func `an older server gives one pod address`() throws {
        let text = #"{"metadata":{"name":"a","resourceVersion":"1"},"status":{"podIP":"10.0.0.1"}}"#
        #expect(try read(Pod.self, text).addresses == ["10.0.0.1"])
    }
}

@Suite struct NodeCodingTests {
    @Test(
        arguments: [
            ("", false), (#","spec":{"unschedulable":true}"#, true),
            (#","spec":null,"status":{"conditions":null}"#, false),
        ])
    func `a node is read as servers send it`(fields: String, isUnschedulable: Bool) throws {
        let node = try read(
            KubernetesNode.self, #"{"metadata":{"name":"n","resourceVersion":"1","labels":{"a":"b"}}\#(fields)}"#)
        #expect(node.isUnschedulable == isUnschedulable)
        #expect(
            node.metadata == ObjectMetadata(name: "n", namespace: "", resourceVersion: "1", labels: ["a": "b"]))
    }

    @Test(
        arguments: [
            (#""labels":{"cluster-agent.dev/capacity":"8"}"#, 8, false),
            (
                #""annotations":{"cluster-agent.dev/capacity":"2","x":"y"},"labels":{"cluster-agent.dev/capacity":"8"}"#,
                2, false
            ),
            (#""labels":{"a":"b"}"#, nil, false), (#""labels":{"cluster-agent.dev/capacity":"0"}"#, nil, true),
            (#""annotations":{"cluster-agent.dev/capacity":"many"}"#, nil, true),
        ] as [(String, Int?, Bool)])
    func `a capacity is stated by an annotation, else by a label`(
        fields: String, capacity: Int?, isWrong: Bool
    ) throws {
        let text = #"{"metadata":{"name":"n","resourceVersion":"1",\#(fields)}}"#
        for metadata in [try read(KubernetesNode.self, text).metadata, try read(Pod.self, text).metadata] {
            #expect(StatedCapacity.of(metadata) == capacity)
            #expect((StatedCapacity.problem(of: metadata) != nil) == isWrong)
        }
    }

    @Test(arguments: ["True", "False", "Unknown"])
    func `a Node is ready only if it says so`(ready: String) throws {
        let text = """
            {"metadata":{"name":"n","resourceVersion":"1"},
            "status":{"conditions":[{"type":"DiskPressure","status":"True"},{"type":"Ready","status":"\(ready)"}]}}
            """
        #expect(
            try read(KubernetesNode.self, text)
                == KubernetesNode(
                    metadata: ObjectMetadata(name: "n", namespace: "", resourceVersion: "1"), isReady: ready == "True"))
    }
}

/// Who made a pod.
@Suite struct ControllerTests {
    @Test(arguments: [
        (#""#, ""), (#","ownerReferences":[]"#, ""),
        (#","ownerReferences":[{"kind":"Thing"},{"kind":"DaemonSet","controller":true}]"#, "DaemonSet"),
        (#","ownerReferences":[{"kind":"DaemonSet","controller":false}]"#, ""),
    ])
    func `a pod knows the kind of its controller`(field: String, kind: String) throws {
        let pod = try read(Pod.self, #"{"metadata":{"name":"n","resourceVersion":"1"\#(field)}}"#)
        #expect(pod.metadata.controllerKind == kind)
    }
}
