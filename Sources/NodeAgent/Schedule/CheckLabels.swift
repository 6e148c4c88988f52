import JSON
import Platform

/// What names an instance to people: the labels of its metrics beside its ID.
struct CheckLabels: Sendable {
    let namespace: String
    let service: String
    let name: String

    /// The longest value, in bytes: a label is no place for a text.
    private static let longest = 128

    /// The labels of an instance: its `name`, and the tags `kube_namespace` and `kube_service`. What it does not say is
    /// empty, as a label that is not there.
    init(_ instance: [UInt8]) {
        let json = (try? JSONValue(parsing: instance)) ?? .null
        let tags = (json["tags"]?.arrayValue ?? []).compactMap(\.stringValue)
        func tag(_ key: String) -> String {
            let value = tags.first { $0.hasPrefix(key) }?.dropFirst(key.utf8.count)
            return cut(String(value ?? ""), to: Self.longest)
        }
        namespace = tag("kube_namespace:")
        service = tag("kube_service:")
        name = cut(json["name"]?.stringValue ?? "", to: Self.longest)
    }
}
