package import Platform

/// Lists and watches all objects of one type, in one namespace or in all.
package struct ResourceSource<Object: KubernetesObject>: ListWatchSource {
    private let client: KubernetesClient
    private let path: String

    /// - Parameter namespace: nil for all namespaces, or for objects that have none.
    package init(client: KubernetesClient, namespace: String? = nil) {
        self.client = client
        path = Object.root + (namespace.map { "/namespaces/\($0)/" } ?? "/") + Object.plural
    }

    /// Reads one page.
    package func list(
        _ request: ListRequest, deadline: Instant
    ) async throws(KubernetesError) -> ObjectPage<Object> {
        var query: [(name: String, value: String)] = []
        if let limit = request.limit { query.append(("limit", String(limit))) }
        if let continuation = request.continuation { query.append(("continue", continuation)) }
        return try await client.request("GET", path, query: query, as: ObjectPage<Object>.self, deadline: deadline)
    }

    /// Reads events.
    package func watch(
        _ request: WatchRequest, deadline: Instant, onEvent: (WatchEvent<Object>) -> Bool
    ) async throws(KubernetesError) {
        let query = [
            (name: "resourceVersion", value: request.resourceVersion), (name: "allowWatchBookmarks", value: "true"),
            (name: "timeoutSeconds", value: String(request.timeoutSeconds)),
        ]
        try await client.watch(path, query: query, of: Object.self, deadline: deadline, onEvent: onEvent)
    }
}
