import JSON

#if canImport(Kubernetes)
    @testable import Kubernetes
#endif

/// Reads an answer of the API server as every type of object. What is written back must be read again as it was.
func fuzzKubernetes(_ input: [UInt8]) {
    _ = read(ObjectPage<Service>.self, input)
    _ = read(ObjectPage<ServiceEndpoints>.self, input)
    _ = read(ObjectPage<ClusterCheck>.self, input)
    _ = read(WatchEvent<Pod>.self, input)
    _ = read(WatchEvent<KubernetesNode>.self, input)
    _ = read(Service.self, input)
    _ = read(ServiceEndpoints.self, input)
    _ = read(Pod.self, input)
    _ = read(Status.self, input)
    if let manifest = try? JSONValue(parsing: input) {
        _ = try? Service(manifest: manifest)
        _ = try? ServiceEndpoints(manifest: manifest)
    }
    if let check = read(ClusterCheck.self, input) {
        // What a later leader reads of a status is what was written.
        let written = ClusterCheckStatus(check.status.patch)
        precondition(written == check.status, "a status changes on its way")
    }
    if let lease = read(Lease.self, input) {
        // Numbers are written so that YAML 1.1 reads them too: from then on they stay.
        guard let written = read(Lease.self, lease.encoded()) else { fatalError("a Lease cannot be read again") }
        precondition(written.spec == lease.spec && written.encoded() == lease.encoded(), "a Lease changes on its way")
    }
}

private func read<Object: JSONReadable>(_ type: Object.Type, _ input: [UInt8]) -> Object? {
    do throws(KubernetesError) {
        return try decode(type, from: input, place: "input")
    } catch {
        guard case .malformed("input", let reason) = error, !reason.isEmpty else {
            fatalError("an error without a reason")
        }
        return nil
    }
}
