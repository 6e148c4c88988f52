package import Platform

/// Where the endpoints of one Service are: an EndpointSlice (`discovery.k8s.io/v1` or `v1beta1`) or an Endpoints object
/// (`v1`), told alike.
///
/// One Service may have several slices, and one endpoint may for a moment be in two of them: join them by namespace and
/// `serviceName`, each address once.
package struct ServiceEndpoints: Hashable, Sendable {
    /// Endpoints that share their ports.
    package struct Subset: Hashable, Sendable {
        /// The endpoints in the order of the object.
        package let endpoints: [Endpoint]
        /// The ports of each of them.
        package let ports: [Port]

        /// A subset.
        package init(endpoints: [Endpoint], ports: [Port]) {
            self.endpoints = endpoints
            self.ports = ports
        }
    }

    /// One backend of the Service.
    package struct Endpoint: Hashable, Sendable {
        /// Its addresses, which lead to the same place; the first is the one to use. Names, in a slice of type FQDN.
        package let addresses: [String]
        /// Whether it takes traffic; true while nobody said otherwise.
        package let isReady: Bool
        /// Whether it would be ready if it were not terminating.
        package let isServing: Bool
        /// Whether it is about to end.
        package let isTerminating: Bool
        /// The node it is on; empty if it is not said.
        @ExactText package private(set) var nodeName: String
        /// The object behind it, as a rule a Pod.
        package let target: ObjectReference?

        /// An endpoint.
        package init(
            addresses: [String], isReady: Bool = true, isServing: Bool = true, isTerminating: Bool = false,
            nodeName: String = "", target: ObjectReference? = nil
        ) {
            self.addresses = addresses
            self.isReady = isReady
            self.isServing = isServing
            self.isTerminating = isTerminating
            self.nodeName = nodeName
            self.target = target
        }
    }

    /// One port.
    package struct Port: Hashable, Sendable {
        /// The name of the Service's port; empty if its only one has none.
        @ExactText package private(set) var name: String
        /// The number; nil: every port.
        package let port: Int?

        /// A port.
        package init(name: String = "", port: Int?) {
            self.name = name
            self.port = port
        }
    }

    /// Name, namespace, uid and resourceVersion of the slice or the Endpoints; labels and annotations are not kept.
    package var metadata: ObjectMetadata
    /// The Service, which is in the same namespace; empty for a slice that belongs to none.
    @ExactText package var serviceName: String
    /// A slice has one, an Endpoints object any number.
    package var subsets: [Subset]

    /// The endpoints of a Service.
    package init(metadata: ObjectMetadata, serviceName: String, subsets: [Subset]) {
        self.metadata = metadata
        self.serviceName = serviceName
        self.subsets = subsets
    }
}
