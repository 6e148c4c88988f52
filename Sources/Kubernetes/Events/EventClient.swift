import Platform

/// Access to Events. Over HTTP it is `KubernetesEventClient`; tests have their own.
protocol EventClient: Sendable {
    /// Sends the request once, and returns by `deadline`.
    func perform(_ request: EventDelivery.Request, deadline: Instant) async -> EventDelivery.Answer
}

/// Events on an API server.
struct KubernetesEventClient: EventClient {
    private let client: KubernetesClient

    init(client: KubernetesClient) {
        self.client = client
    }

    func perform(_ request: EventDelivery.Request, deadline: Instant) async -> EventDelivery.Answer {
        do throws(KubernetesError) {
            switch request {
            case .create(let event):
                let path = Self.collection(event.note.namespace)
                let _: StoredEvent = try await client.request(
                    "POST", path, body: event.encoded(), as: StoredEvent.self, deadline: deadline)
                return .stored
            case .get(let namespace, let name):
                return .found(
                    try await client.request(
                        "GET", "\(Self.collection(namespace))/\(name)", as: StoredEvent.self, deadline: deadline))
            case .patch(let patch, let namespace, let name):
                let _: StoredEvent = try await client.request(
                    "PATCH", "\(Self.collection(namespace))/\(name)", body: patch.encoded(), as: StoredEvent.self,
                    deadline: deadline)
                return .stored
            }
        } catch {
            return .failed(error)
        }
    }

    private static func collection(_ namespace: String) -> String {
        "/api/v1/namespaces/\(namespace)/events"
    }
}
