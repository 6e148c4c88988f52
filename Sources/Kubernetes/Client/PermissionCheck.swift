import JSON
package import Platform

/// Asks the API server what we may do, so that a missing permission is reported at start and not at its first use.
package enum PermissionCheck {
    /// Returns those of `permissions` that we lack, in their order, by one SelfSubjectAccessReview each, which every
    /// user may create.
    ///
    /// - Parameter deadline: for all of them together.
    /// - Throws: `KubernetesError` if a review fails: then nothing is known, which is not the same as a missing
    ///   permission.
    package static func missing(
        _ permissions: [Permission], client: KubernetesClient, deadline: Instant
    ) async throws(KubernetesError) -> [Permission] {
        var missing: [Permission] = []
        for permission in permissions {
            let answer = try await client.request(
                "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                body: review(permission), as: Answer.self, deadline: deadline)
            if !answer.isAllowed { missing.append(permission) }
        }
        return missing
    }

    private static func review(_ permission: Permission) -> [UInt8] {
        let parts = permission.resource.split(separator: "/", maxSplits: 1).map(String.init)
        let attributes: [ExactText: String?] = [
            "verb": permission.verb, "group": permission.group, "resource": parts.first,
            "subresource": parts.count > 1 ? parts[1] : nil, "namespace": permission.namespace, "name": permission.name,
        ]
        let named = attributes.compactMapValues { $0.map(JSONValue.string) }
        return JSONValue.object([
            "apiVersion": .string("authorization.k8s.io/v1"), "kind": .string("SelfSubjectAccessReview"),
            "spec": .object(["resourceAttributes": .object(named)]),
        ]).encoded()
    }

    private struct Answer: JSONReadable {
        let isAllowed: Bool

        init(from json: inout JSONReader) throws(JSONError) {
            var isAllowed: Bool?
            try json.enterObject()
            while let key = try json.nextKey() {
                guard key == "status" else { continue }
                try json.enterObject()
                while let key = try json.nextKey() {
                    if key == "allowed" { isAllowed = try json.bool() }
                }
            }
            self.isAllowed = try json.required(isAllowed, "status.allowed")
        }
    }
}
