package import JSON
package import Platform

/// One page of a list to ask for. Always a consistent read of the newest state: a list from the server's cache may be
/// older than what was seen before.
package struct ListRequest: Hashable, Sendable {
    /// At most this many objects; nil: all of them.
    package var limit: Int?
    /// Where the page before ended.
    package var continuation: String?

    /// A request.
    package init(limit: Int?, continuation: String? = nil) {
        self.limit = limit
        self.continuation = continuation
    }
}

/// A watch to open.
package struct WatchRequest: Hashable, Sendable {
    /// Only changes after this version.
    package var resourceVersion: String
    /// After how many seconds the server ends it.
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
    /// Where the next page begins; nil after the last.
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
            // A watch from there would begin with every object anew, in versions of no order.
            throw json.failure("has no version to watch from")
        }
        continuation = next.isEmpty ? nil : next
        self.items = try json.required(items, "items")
    }
}

/// Where a reflector lists and watches. Over HTTP it is `KubernetesClient`; tests script one.
package protocol ListWatchSource<Object>: Sendable {
    /// What is listed.
    associatedtype Object: KubernetesObject

    /// Reads one page.
    func list(_ request: ListRequest, deadline: Instant) async throws(KubernetesError) -> ObjectPage<Object>

    /// Reads events until the server ends the watch (returns), `onEvent` returns false (returns), the deadline, or the
    /// task is cancelled. `onEvent` is called from the calling task, first with `.opened`.
    func watch(
        _ request: WatchRequest, deadline: Instant, onEvent: (WatchEvent<Object>) -> Bool
    ) async throws(KubernetesError)
}
