package import Platform

/// Asks the API server what we may do, so that a missing permission is named at the start and not found at the first use.
package enum PermissionCheck {
    /// Which of `permissions` we lack, in their order, by one SelfSubjectAccessReview each. Every user may ask that.
    ///
    /// - Parameter deadline: for all of them together.
    /// - Throws: `KubernetesError` if one of the questions gets no answer that can be understood: nothing is known then, which
    ///   is not the same as a missing permission.
    package static func missing(
        _ permissions: [Permission], client: KubernetesClient, deadline: Instant
    ) async throws(KubernetesError) -> [Permission] {
        var missing: [Permission] = []
        for permission in permissions {
            let place = "SelfSubjectAccessReview \(permission)"
            let review = Review(spec: .init(resourceAttributes: .init(permission)))
            let answer = try await client.request(
                "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                body: try encode(review, place: place), as: Answer.self, deadline: deadline)
            if !answer.status.allowed { missing.append(permission) }
        }
        return missing
    }

    private struct Review: Encodable {
        struct Spec: Encodable {
            let resourceAttributes: Attributes
        }

        struct Attributes: Encodable {
            let verb: String
            let group: String
            let resource: String
            let namespace: String?
            let name: String?

            init(_ permission: Permission) {
                verb = permission.verb
                group = permission.group
                resource = permission.resource
                namespace = permission.namespace
                name = permission.name
            }
        }

        let apiVersion = "authorization.k8s.io/v1"
        let kind = "SelfSubjectAccessReview"
        let spec: Spec
    }

    private struct Answer: Decodable {
        struct Status: Decodable {
            let allowed: Bool
        }

        let status: Status
    }
}
