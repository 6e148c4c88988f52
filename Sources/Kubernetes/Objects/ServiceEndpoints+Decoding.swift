package import JSON
import Platform

extension ServiceEndpoints: KubernetesObject {
    /// `/apis/discovery.k8s.io/v1`; what a server really has is asked of it (`EndpointsSource`).
    package static let root = "/apis/discovery.k8s.io/v1"
    /// `endpointslices`.
    package static let plural = "endpointslices"

    /// Which Service a slice belongs to.
    private static let serviceLabel = "kubernetes.io/service-name"

    /// Reads an EndpointSlice of either version or an Endpoints object; only its metadata is required.
    ///
    /// Every slice has an `addressType`, and no Endpoints object has one. Items of a list lack kind and apiVersion.
    package init(from json: inout JSONReader) throws(JSONError) {
        var metadata: ObjectMetadata?
        var isSlice = false
        var endpoints: [Endpoint] = []
        var ports: [Port] = []
        var subsets: [Subset] = []
        try json.enterObject()
        while let key = try json.nextKey() {
            switch key {
            case "metadata": metadata = try ObjectMetadata(from: &json, isLabelKept: { $0 == Self.serviceLabel })
            case "addressType": isSlice = true
            case "endpoints": endpoints = try json.array(Self.endpoint)
            case "ports": ports = try json.array(Self.port)
            case "subsets": subsets = try json.array(Self.subset)
            default: break
            }
        }
        var kept = try json.required(metadata, "metadata")
        let serviceName = isSlice ? kept.labels[Self.serviceLabel]?.text ?? "" : kept.name
        kept.labels = [:]
        self.init(
            metadata: kept, serviceName: serviceName,
            subsets: isSlice ? [Subset(endpoints: endpoints, ports: ports)] : subsets)
    }

    private static func port(_ json: inout JSONReader) throws(JSONError) -> Port {
        let (name, port) = try json.port()
        return Port(name: name, port: port)
    }

    /// Reads an endpoint of a slice. Missing conditions have the values that the API defines: ready, serving if it is
    /// ready, not terminating.
    private static func endpoint(_ json: inout JSONReader) throws(JSONError) -> Endpoint {
        var addresses: [String] = []
        var conditions: [ExactText: Bool] = [:]
        var nodeName: String?
        var topology: [ExactText: ExactText] = [:]
        var target: ObjectReference?
        try json.enterObject()
        while let key = try json.nextKey() {
            switch key {
            case "addresses": addresses = try json.strings()
            case "conditions":
                try json.enterObject()
                while let key = try json.nextKey() {
                    if ["ready", "serving", "terminating"].contains(key) { conditions[key] = try json.bool() }
                }
            case "nodeName": nodeName = try json.string()
            // Of v1beta1; became `nodeName`.
            case "topology": topology = try json.strings(where: { $0 == "kubernetes.io/hostname" })
            case "targetRef": target = try ObjectReference(from: &json)
            default: break
            }
        }
        let isReady = conditions["ready"] ?? true
        return Endpoint(
            addresses: addresses, isReady: isReady, isServing: conditions["serving"] ?? isReady,
            isTerminating: conditions["terminating"] ?? false,
            nodeName: nodeName ?? topology.values.first?.text ?? "", target: target)
    }

    /// Reads a subset as an Endpoints object has it.
    private static func subset(_ json: inout JSONReader) throws(JSONError) -> Subset {
        var ready: [Endpoint] = []
        var notReady: [Endpoint] = []
        var ports: [Port] = []
        try json.enterObject()
        while let key = try json.nextKey() {
            switch key {
            case "addresses":
                ready = try json.array { (json) throws(JSONError) in try address(&json, isReady: true) }
            case "notReadyAddresses":
                notReady = try json.array { (json) throws(JSONError) in try address(&json, isReady: false) }
            case "ports": ports = try json.array(port)
            default: break
            }
        }
        return Subset(endpoints: ready + notReady, ports: ports)
    }

    private static func address(_ json: inout JSONReader, isReady: Bool) throws(JSONError) -> Endpoint {
        var address: String?
        var nodeName = ""
        var target: ObjectReference?
        try json.enterObject()
        while let key = try json.nextKey() {
            switch key {
            case "ip": address = try json.string()
            case "nodeName": nodeName = try json.string()
            case "targetRef": target = try ObjectReference(from: &json)
            default: break
            }
        }
        return Endpoint(
            addresses: [try json.required(address, "ip")], isReady: isReady, isServing: isReady, nodeName: nodeName,
            target: target)
    }
}
