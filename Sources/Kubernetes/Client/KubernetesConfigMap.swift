import JSON
package import Platform

/// A text under one key of a ConfigMap. The rest of the ConfigMap is left as it is, whoever wrote it.
package struct KubernetesConfigMap: KeptText {
    /// The most that is kept, in bytes. A ConfigMap holds 1 MiB; the rest is for what others keep in it.
    package static let limit = 512 << 10

    private let client: KubernetesClient
    private let namespace: String
    private let name: String
    private let key: ExactText
    private let labels: [ExactText: ExactText]

    /// Access to the text; nothing is sent yet.
    ///
    /// - Parameters:
    ///   - key: that of the text in `data`.
    ///   - labels: the ConfigMap gets them when it is created; later they are left as they are.
    package init(
        client: KubernetesClient, namespace: String, name: String, key: ExactText, labels: [ExactText: ExactText]
    ) {
        self.client = client
        self.namespace = namespace
        self.name = name
        self.key = key
        self.labels = labels
    }

    /// Reads the newest state. Without the ConfigMap, or without the key in it, nothing is kept.
    package func read(deadline: Instant) async throws(KubernetesError) -> VersionedText? {
        do throws(KubernetesError) {
            let stored = try await request("GET", path, nil, deadline)
            return stored.data[key].map { VersionedText(text: $0.text, version: stored.resourceVersion) }
        } catch {
            guard case .status(let status) = error, status.code == 404 else { throw error }
            return nil
        }
    }

    /// Creates the ConfigMap, or changes the text in it.
    package func write(
        _ text: String, replacing version: String?, deadline: Instant
    ) async throws(KubernetesError) -> String {
        guard text.utf8.count <= Self.limit else { throw .requestTooLarge(limit: Self.limit) }
        if let version { return try await replace(version, with: text, deadline) }
        do throws(KubernetesError) {
            return try await create(text, deadline)
        } catch {
            guard case .status(let status) = error, status.code == 409 else { throw error }
            // It may have been created without the key, or the key was removed: that nothing is kept is true then.
            let stored = try await request("GET", path, nil, deadline)
            guard stored.data[key] == nil else { throw error }
            return try await replace(stored.resourceVersion, with: text, deadline)
        }
    }

    private func create(_ text: String, _ deadline: Instant) async throws(KubernetesError) -> String {
        let metadata: [ExactText: JSONValue] = [
            "namespace": .string(namespace), "name": .string(name),
            "labels": .object(labels.mapValues { .string($0.text) }),
        ]
        let object = JSONValue.object([
            "apiVersion": .string("v1"), "kind": .string("ConfigMap"), "metadata": .object(metadata),
            "data": .object([key: .string(text)]),
        ])
        return try await request("POST", collection, object, deadline).resourceVersion
    }

    /// The resourceVersion makes the server refuse if the ConfigMap is no longer that one.
    private func replace(
        _ version: String, with text: String, _ deadline: Instant
    ) async throws(KubernetesError) -> String {
        let patch = JSONValue.object([
            "metadata": .object(["resourceVersion": .string(version)]), "data": .object([key: .string(text)]),
        ])
        do throws(KubernetesError) {
            return try await request("PATCH", path, patch, deadline).resourceVersion
        } catch {
            guard case .status(let status) = error else { throw error }
            switch status.code {
            case 404:
                throw .status(Status(code: 409, message: "ConfigMap \(namespace)/\(name) was deleted"))
            case 422 where status.message.contains("immutable"):
                let advice = "ConfigMap \(namespace)/\(name) is immutable: create it again without `immutable`"
                throw .status(Status(code: 422, reason: status.reason, message: "\(advice) (\(status.message))"))
            default:
                throw error
            }
        }
    }

    private var collection: String {
        "/api/v1/namespaces/\(namespace)/configmaps"
    }

    private var path: String {
        "\(collection)/\(name)"
    }

    private func request(
        _ method: String, _ path: String, _ body: JSONValue?, _ deadline: Instant
    ) async throws(KubernetesError) -> StoredConfigMap {
        try await client.request(method, path, body: body?.encoded(), as: StoredConfigMap.self, deadline: deadline)
    }
}

/// What is used of a stored ConfigMap.
private struct StoredConfigMap: JSONReadable {
    let resourceVersion: String
    let data: [ExactText: ExactText]

    init(from json: inout JSONReader) throws(JSONError) {
        var whole = json
        var data: [ExactText: ExactText] = [:]
        try json.enterObject()
        while let key = try json.nextKey() {
            if key == "data" { data = try json.strings() }
        }
        resourceVersion = try whole.resourceVersion()
        // A write with an empty one would replace whatever is there.
        guard !resourceVersion.isEmpty else { throw json.failure("has an empty metadata.resourceVersion") }
        self.data = data
    }
}
