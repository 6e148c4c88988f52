import JSON
package import Platform

/// Writes the status of ClusterChecks. Over HTTP it is `ClusterCheckClient`; a simulation has its own.
package protocol ClusterCheckStatusWriter: Sendable {
    /// Replaces the status, whatever it was.
    ///
    /// - Throws: `KubernetesError`; `.status` with code 404 if there is no such ClusterCheck any more.
    func write(
        _ status: ClusterCheckStatus, namespace: String, name: String, deadline: Instant
    ) async throws(KubernetesError)
}

/// Lists and watches the ClusterChecks of all namespaces, and writes their status.
///
/// A cluster without the CustomResourceDefinition answers 404 to a list. So does, for a moment, a server that has just
/// been given the definition, or that has just started (before Kubernetes 1.23). To conclude from it that there are no
/// ClusterChecks would end their checks, so the definition itself is asked for then.
package struct ClusterCheckClient: ListWatchSource, ClusterCheckStatusWriter {
    /// What is listed.
    package typealias Object = ClusterCheck

    /// The name of the CustomResourceDefinition.
    package static let definition = "\(ClusterCheck.plural).\(ClusterCheck.group)"

    private let client: KubernetesClient
    private let source: ResourceSource<ClusterCheck>

    /// Access by a client; nothing is sent yet.
    package init(client: KubernetesClient) {
        self.client = client
        source = ResourceSource(client: client)
    }

    /// Reads one page.
    ///
    /// - Throws: `KubernetesError`; `.status` with code 404 if the cluster has no such resource.
    package func list(
        _ request: ListRequest, deadline: Instant
    ) async throws(KubernetesError) -> ObjectPage<ClusterCheck> {
        do throws(KubernetesError) {
            return try await source.list(request, deadline: deadline)
        } catch {
            guard case .status(let status) = error, status.code == 404 else { throw error }
            guard try await isDefined(deadline) else { throw error }
            throw .status(Status(code: 503, message: "the API server does not serve its ClusterChecks yet"))
        }
    }

    /// Reads events.
    package func watch(
        _ request: WatchRequest, deadline: Instant, onEvent: (WatchEvent<ClusterCheck>) -> Bool
    ) async throws(KubernetesError) {
        try await source.watch(request, deadline: deadline, onEvent: onEvent)
    }

    /// Replaces the status by a merge patch.
    package func write(
        _ status: ClusterCheckStatus, namespace: String, name: String, deadline: Instant
    ) async throws(KubernetesError) {
        let path = ResourceSource<ClusterCheck>.path("\(ClusterCheck.root)/\(ClusterCheck.plural)", namespace)
        let patch = JSONValue.object(["status": status.patch])
        _ = try await client.request(
            "PATCH", "\(path)/\(name)/status", body: patch.encoded(), as: Ignored.self, deadline: deadline)
    }

    /// Whether there is a definition that is to stay. Only the API server's own word that there is none counts: a proxy
    /// on the way may answer 404 to anything.
    private func isDefined(_ deadline: Instant) async throws(KubernetesError) -> Bool {
        do throws(KubernetesError) {
            let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/\(Self.definition)"
            return try await !client.request("GET", path, as: Definition.self, deadline: deadline).isGoing
        } catch {
            guard case .status(let status) = error, status.code == 404 else { throw error }
            guard status.message.contains(Self.definition) else {
                let message = "something on the way to the API server answers 404: \(status.message)"
                throw .status(Status(code: 502, message: message))
            }
            return false
        }
    }
}

/// An answer of which nothing is used.
private struct Ignored: JSONReadable {
    init(from json: inout JSONReader) throws(JSONError) {
        try json.enterObject()
        while try json.nextKey() != nil {}
    }
}

/// What is used of a CustomResourceDefinition.
private struct Definition: JSONReadable {
    /// Whether it is being deleted.
    let isGoing: Bool

    init(from json: inout JSONReader) throws(JSONError) {
        var metadata: ObjectMetadata?
        try json.enterObject()
        while let key = try json.nextKey() {
            if key == "metadata" { metadata = try ObjectMetadata(from: &json) }
        }
        isGoing = try json.required(metadata, "metadata").deletionTimestamp != nil
    }
}
