package import Platform

/// Lists and watches the objects of one type, in one namespace or in all.
package struct ResourceSource<Object: KubernetesObject>: ListWatchSource {
    private let client: KubernetesClient
    private let path: String
    private let selection: [(name: String, value: String)]

    /// - Parameters:
    ///   - namespace: nil for all namespaces, or for objects that have none.
    ///   - labelSelector: which objects, such as `app.kubernetes.io/name=node-agent`; nil for all. The API server
    ///     answers 400 to one that cannot be understood.
    package init(client: KubernetesClient, namespace: String? = nil, labelSelector: String? = nil) {
        self.init(
            client: client, path: Self.path("\(Object.root)/\(Object.plural)", namespace), labelSelector: labelSelector)
    }

    /// Lists and watches at a path.
    init(client: KubernetesClient, path: String, labelSelector: String? = nil) {
        self.client = client
        self.path = path
        selection = labelSelector.map { [("labelSelector", $0)] } ?? []
    }

    /// The path of a resource in one namespace; nil: in all of them.
    static func path(_ path: String, _ namespace: String?) -> String {
        guard let namespace, let slash = path.lastIndex(of: "/") else { return path }
        return "\(path[..<slash])/namespaces/\(namespace)\(path[slash...])"
    }

    /// Reads one page.
    package func list(
        _ request: ListRequest, deadline: Instant
    ) async throws(KubernetesError) -> ObjectPage<Object> {
        var query = selection
        if let limit = request.limit { query.append(("limit", String(limit))) }
        if let continuation = request.continuation { query.append(("continue", continuation)) }
        return try await client.request(
            "GET", path, query: query, isList: true, as: ObjectPage<Object>.self, deadline: deadline)
    }

    /// Reads events.
    package func watch(
        _ request: WatchRequest, deadline: Instant, onEvent: (WatchEvent<Object>) -> Bool
    ) async throws(KubernetesError) {
        let query =
            selection + [
                (name: "resourceVersion", value: request.resourceVersion),
                (name: "allowWatchBookmarks", value: "true"),
                (name: "timeoutSeconds", value: String(request.timeoutSeconds)),
            ]
        try await client.watch(path, query: query, of: Object.self, deadline: deadline, onEvent: onEvent)
    }
}
