package import Platform

/// One Lease on an API server.
package struct KubernetesLeaseClient: LeaseClient {
    /// How long before the caller's deadline the server is asked to end a watch.
    private static let watchGrace = Duration.seconds(5)

    private let client: KubernetesClient
    private let clock: any Clock
    /// The Lease's namespace.
    package let namespace: String
    /// The Lease's name.
    package let name: String

    /// Access to the Lease; `client` should serve nothing else.
    package init(client: KubernetesClient, namespace: String, name: String, clock: any Clock) {
        self.client = client
        self.namespace = namespace
        self.name = name
        self.clock = clock
    }

    /// Reads the newest state.
    package func get(deadline: Instant) async -> LeaseResult {
        do throws(KubernetesError) {
            return .lease(try await request("GET", path, nil, deadline))
        } catch {
            return .init(failure: error)
        }
    }

    /// Creates the Lease.
    package func create(_ lease: Lease, deadline: Instant) async -> LeaseResult {
        do throws(KubernetesError) {
            return .lease(try await request("POST", collection, lease, deadline))
        } catch {
            // Not found is here the namespace.
            if case .status(let status) = error, status.code == 404 { return .failed(error) }
            return .init(failure: error)
        }
    }

    /// Replaces the Lease. Its resourceVersion and uid make the server refuse if it is no longer that one.
    package func update(_ lease: Lease, deadline: Instant) async -> LeaseResult {
        do throws(KubernetesError) {
            return .lease(try await request("PUT", path, lease, deadline))
        } catch {
            return .init(failure: error)
        }
    }

    /// Watches the Lease from its newest state on.
    package func watch(
        deadline: Instant, onEvent: @escaping @Sendable (LeaseEvent) -> Void
    ) async -> KubernetesError? {
        let seconds = max(1, (deadline - clock.now() - Self.watchGrace).nanoseconds / 1_000_000_000)
        let query = [
            (name: "fieldSelector", value: "metadata.name=\(name)"), (name: "timeoutSeconds", value: String(seconds)),
        ]
        var refusal: KubernetesError?
        do throws(KubernetesError) {
            try await client.watch(collection, query: query, of: Lease.self, deadline: deadline) { event in
                switch event {
                case .applied(let lease): onEvent(.changed(lease))
                case .deleted: onEvent(.deleted)
                case .opened, .bookmark, .unknown: break
                case .error(let status):
                    refusal = .status(status)
                    return false
                }
                return true
            }
            return refusal
        } catch {
            return error
        }
    }

    private var collection: String {
        "/apis/coordination.k8s.io/v1/namespaces/\(namespace)/leases"
    }

    private var path: String {
        "\(collection)/\(name)"
    }

    /// The server is told the time limit too, so that it does not commit much later what we have given up.
    private func request(
        _ method: String, _ path: String, _ lease: Lease?, _ deadline: Instant
    ) async throws(KubernetesError) -> Lease {
        let seconds = max(1, (deadline - clock.now() + .milliseconds(999)).nanoseconds / 1_000_000_000)
        return try await client.request(
            method, path, query: [("timeout", "\(seconds)s")], body: lease?.encoded(), as: Lease.self,
            deadline: deadline)
    }
}

extension LeaseResult {
    fileprivate init(failure: KubernetesError) {
        switch failure {
        case .status(let status) where status.code == 404: self = .notFound
        case .status(let status) where status.code == 409: self = .conflict
        default: self = .failed(failure)
        }
    }
}
