import Kubernetes
import Platform

/// The addresses of Services' endpoints that can be checked, from slices or from Endpoints objects.
///
/// A Service may have several slices. Its endpoints are those of all slices; an address that is in two slices counts
/// once.
struct EndpointIndex {
    private struct Slice {
        let service: NamespacedName
        let addresses: [EndpointAddress]
        /// Whether it is a slice. An Endpoints object has the name of its Service.
        let isSlice: Bool

        init?(_ endpoints: ServiceEndpoints) {
            guard !endpoints.serviceName.isEmpty else { return nil }
            addresses = endpoints.subsets.flatMap(\.checkable)
            guard !addresses.isEmpty else { return nil }
            service = NamespacedName(namespace: endpoints.metadata.namespace, name: endpoints.serviceName)
            isSlice = endpoints.metadata.name != endpoints.serviceName
        }
    }

    private var slices: [NamespacedName: Slice] = [:]
    private var names: [NamespacedName: Set<NamespacedName>] = [:]

    /// Replaces all slices.
    mutating func replace(with all: [ServiceEndpoints]) {
        self = EndpointIndex()
        for endpoints in all { _ = apply(endpoints) }
    }

    /// Adds or replaces a slice, and returns the Services whose endpoints changed.
    mutating func apply(_ endpoints: ServiceEndpoints) -> [NamespacedName] {
        put(Slice(endpoints), at: endpoints.objectName)
    }

    /// Removes a slice, and returns the Services whose endpoints changed.
    mutating func remove(_ endpoints: ServiceEndpoints) -> [NamespacedName] {
        put(nil, at: endpoints.objectName)
    }

    /// The addresses of a Service, each once, sorted.
    func addresses(of service: NamespacedName) -> [EndpointAddress] {
        var found: [ExactText: EndpointAddress] = [:]
        for name in (names[service] ?? []).sorted() {
            for address in slices[name]?.addresses ?? [] {
                var known = found[address.address] ?? address
                known.ports += address.ports.filter { !known.ports.contains($0) }
                found[address.address] = known
            }
        }
        return found.values.sorted { $0.address < $1.address }
    }

    /// Whether the endpoints of a Service come from slices.
    func hasSlices(_ service: NamespacedName) -> Bool {
        (names[service] ?? []).contains { slices[$0]?.isSlice == true }
    }

    private mutating func put(_ slice: Slice?, at name: NamespacedName) -> [NamespacedName] {
        let before = slices[name]
        guard before?.service != slice?.service || before?.addresses != slice?.addresses else { return [] }
        slices[name] = slice
        if let before {
            names[before.service]?.remove(name)
            if names[before.service]?.isEmpty == true { names[before.service] = nil }
        }
        if let slice { names[slice.service, default: []].insert(name) }
        slices.shrinkIfSparse()
        names.shrinkIfSparse()
        return Set([before?.service, slice?.service].compactMap(\.self)).sorted()
    }
}

extension ServiceEndpoints {
    fileprivate var objectName: NamespacedName {
        NamespacedName(namespace: metadata.namespace, name: metadata.name)
    }
}

extension ServiceEndpoints.Subset {
    /// The addresses that are ready, serving and not terminating.
    fileprivate var checkable: [EndpointAddress] {
        let ports = ports.compactMap { port in port.port.map { TargetPort(number: $0, name: port.name) } }
        return endpoints.filter { $0.isReady && $0.isServing && !$0.isTerminating }.flatMap { endpoint in
            let uid = endpoint.target?.kind == "Pod" ? endpoint.target?.uid : nil
            return endpoint.addresses.map {
                EndpointAddress(address: $0, ports: ports, nodeName: endpoint.nodeName, podUID: uid ?? "")
            }
        }
    }
}
