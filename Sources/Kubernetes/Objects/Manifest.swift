package import JSON
import Platform

extension KubernetesObject {
    /// Reads an object of a manifest, as people write it or `kubectl` prints it. One that was never stored has no
    /// resourceVersion, and without a namespace it is in `default`, as `kubectl apply` has it.
    ///
    /// - Parameter keptAnnotations: as for `KubernetesClient`.
    /// - Throws: `JSONError` with the path in the object.
    package init(manifest: JSONValue, keptAnnotations: [String] = []) throws(JSONError) {
        var manifest = manifest
        if case .object(var members) = manifest, case .object(var metadata)? = members["metadata"] {
            for (key, text) in [("namespace", "default"), ("resourceVersion", "")] as [(ExactText, String)]
            where metadata[key] == nil || metadata[key] == .null {
                metadata[key] = .string(text)
            }
            members["metadata"] = .object(metadata)
            manifest = .object(members)
        }
        try self.init(parsing: manifest.encoded(), limits: .kubernetes, keptPrefixes: keptAnnotations)
    }
}
