package import JSON
package import Platform

/// A request for one page of a list. Always a consistent read of the newest state: a list from the server's cache may
/// be older than what was seen before.
package struct ListRequest: Hashable, Sendable {
    /// The most objects; nil for all.
    package var limit: Int?
    /// The continuation of the previous page.
    package var continuation: String?

    /// A request.
    package init(limit: Int?, continuation: String? = nil) {
        self.limit = limit
        self.continuation = continuation
    }
}

/// A watch to open.
package struct WatchRequest: Hashable, Sendable {
    /// The version after which changes are reported.
    @ExactText package var resourceVersion: String
    /// The seconds after which the server ends it.
    package var timeoutSeconds: Int

    /// A request.
    package init(resourceVersion: String, timeoutSeconds: Int) {
        self.resourceVersion = resourceVersion
        self.timeoutSeconds = timeoutSeconds
    }
}

/// One page of a list.
package struct ObjectPage<Object: Sendable>: Sendable {
    /// The version of the list, to watch from.
    package let resourceVersion: String
    /// The continuation of the next page; nil on the last.
    package let continuation: String?
    /// The objects.
    package let items: [Object]

    /// A page.
    package init(resourceVersion: String, continuation: String? = nil, items: [Object]) {
        self.resourceVersion = resourceVersion
        self.continuation = continuation
        self.items = items
    }
}

extension ObjectPage: JSONReadable where Object: JSONReadable {
    /// Reads a list; `items` may be null.
    package init(from json: inout JSONReader) throws(JSONError) {
        var version: String?
        var next = ""
        var items: [Object]?
        try json.enterObject()
        while let key = try json.nextKey(includingNull: true) {
            switch key {
            case "metadata":
                try json.enterObject()
                while let key = try json.nextKey() {
                    switch key {
                    case "resourceVersion": version = try json.string()
                    case "continue": next = try json.string()
                    default: break
                    }
                }
            case "items": items = try json.isNull() ? [] : json.array(of: Object.self)
            default: break
            }
        }
        resourceVersion = try json.required(version, "metadata.resourceVersion")
        guard !resourceVersion.isEmpty, resourceVersion != "0" else {
            // A watch from there would report every object as new, in no order of versions.
            throw json.failure("has no version to watch from")
        }
        continuation = next.isEmpty ? nil : next
        self.items = try json.required(items, "items")
    }
}

/// Lists and watches for a reflector. Over HTTP it is `KubernetesClient`; tests script one.
package protocol ListWatchSource<Object>: Sendable {
    /// The type of the listed objects.
    associatedtype Object: KubernetesObject

    /// Reads one page.
    func list(_ request: ListRequest, deadline: Instant) async throws(KubernetesError) -> ObjectPage<Object>

    /// Reads events until the server ends the watch (returns), `onEvent` returns false (returns), the deadline, or the
    /// task is cancelled. `onEvent` is called from the calling task, first with `.opened`.
    func watch(
        _ request: WatchRequest, deadline: Instant, onEvent: (WatchEvent<Object>) -> Bool
    ) async throws(KubernetesError)
}
