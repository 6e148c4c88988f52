import JSON
package import Platform
import Synchronization

/// Lists and watches the endpoints of Services, in the best form that the server has: EndpointSlice `v1`, else
/// `v1beta1` (before Kubernetes 1.21), else Endpoints.
///
/// The server is asked what it has before each list, so that an upgrade is followed: one that takes away the form in
/// use answers the watch with 404, and that leads to a new list.
package final class EndpointsSource: ListWatchSource {
    /// What is listed.
    package typealias Object = ServiceEndpoints

    /// The forms, the best one first.
    private enum Form: String, CaseIterable {
        case sliceV1 = "/apis/discovery.k8s.io/v1/endpointslices"
        case sliceV1Beta1 = "/apis/discovery.k8s.io/v1beta1/endpointslices"
        case endpoints = "/api/v1/endpoints"
    }

    private let client: KubernetesClient
    private let namespace: String?
    private let log: Log
    private let form = Mutex<Form?>(nil)

    /// - Parameter namespace: nil for all namespaces.
    package init(client: KubernetesClient, namespace: String? = nil, log: Log) {
        self.client = client
        self.namespace = namespace
        self.log = log.named("reflector")
    }

    /// Reads one page; before the first, asks which form to read.
    package func list(
        _ request: ListRequest, deadline: Instant
    ) async throws(KubernetesError) -> ObjectPage<ServiceEndpoints> {
        if request.continuation == nil { try await discover(deadline) }
        return try await source.list(request, deadline: deadline)
    }

    /// Reads events of the form that was listed.
    package func watch(
        _ request: WatchRequest, deadline: Instant, onEvent: (WatchEvent<ServiceEndpoints>) -> Bool
    ) async throws(KubernetesError) {
        try await source.watch(request, deadline: deadline, onEvent: onEvent)
    }

    private var source: ResourceSource<ServiceEndpoints> {
        let form = form.withLock { $0 } ?? .sliceV1
        return ResourceSource(client: client, path: ResourceSource<ServiceEndpoints>.path(form.rawValue, namespace))
    }

    /// The versions of an API group, such as `discovery.k8s.io/v1`.
    private struct Group: JSONReadable {
        let versions: [String]

        init(from json: inout JSONReader) throws(JSONError) {
            var versions: [String]?
            try json.enterObject()
            while let key = try json.nextKey() {
                if key == "versions" { versions = try json.array(Self.version) }
            }
            self.versions = try json.required(versions, "versions")
        }

        private static func version(_ json: inout JSONReader) throws(JSONError) -> String {
            var version: String?
            try json.enterObject()
            while let key = try json.nextKey() {
                if key == "groupVersion" { version = try json.string() }
            }
            return try json.required(version, "groupVersion")
        }
    }

    private func discover(_ deadline: Instant) async throws(KubernetesError) {
        var served: Set<ExactText> = []
        do throws(KubernetesError) {
            let group = try await client.request(
                "GET", "/apis/discovery.k8s.io", as: Group.self, deadline: deadline)
            served = Set(group.versions.map { ExactText("/apis/\($0)/endpointslices") })
        } catch .status(let status) where status.code == 404 {
            // A server without slices.
        }
        let found = Form.allCases.first { served.contains($0.rawValue) } ?? .endpoints
        let isNew = form.withLock { form in
            defer { form = found }
            return form != found
        }
        if isNew { log.info("endpoints are read in this form", ["path": found.rawValue]) }
    }
}

/// Keeps a handler informed of the endpoints of all Services.
package typealias ServiceEndpointsWatch = Reflector<ServiceEndpoints>

extension Reflector where Object == ServiceEndpoints {
    /// A reflector over the best form that the server has.
    package convenience init(
        client: KubernetesClient, namespace: String? = nil, isOptional: Bool = false, clock: any Clock,
        entropy: any Entropy, log: Log,
        handler: @escaping @Sendable (ReflectorEvent<ServiceEndpoints>) -> Void
    ) {
        self.init(
            source: EndpointsSource(client: client, namespace: namespace, log: log), isOptional: isOptional,
            clock: clock, entropy: entropy,
            log: log, handler: handler)
    }
}
