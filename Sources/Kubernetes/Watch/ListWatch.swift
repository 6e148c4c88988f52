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

extension ObjectPage: Decodable where Object: Decodable {
    private enum CodingKeys: String, CodingKey {
        case metadata, items
    }

    private enum MetadataKeys: String, CodingKey {
        case resourceVersion
        case continuation = "continue"
    }

    /// Reads a list; `items` may be null.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let metadata = try container.nestedContainer(keyedBy: MetadataKeys.self, forKey: .metadata)
        resourceVersion = try metadata.decode(String.self, forKey: .resourceVersion)
        guard !resourceVersion.isEmpty, resourceVersion != "0" else {
            // A watch from there would begin with every object anew, in versions of no order.
            throw DecodingError.dataCorruptedError(
                forKey: .resourceVersion, in: metadata,
                debugDescription: "'\(resourceVersion)' is no version to watch from")
        }
        let next = try metadata.decodeIfPresent(String.self, forKey: .continuation) ?? ""
        continuation = next.isEmpty ? nil : next
        guard container.contains(.items) else {
            throw DecodingError.keyNotFound(
                CodingKeys.items, .init(codingPath: decoder.codingPath, debugDescription: "not a list"))
        }
        items = try container.decodeIfPresent([Object].self, forKey: .items) ?? []
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
