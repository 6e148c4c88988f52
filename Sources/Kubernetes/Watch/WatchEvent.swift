/// One event of a watch.
package enum WatchEvent<Object: Sendable>: Sendable {
    /// The server has accepted the watch; always the first.
    case opened
    /// The object is new or changed.
    case applied(Object)
    /// The object is gone; its last state.
    case deleted(Object)
    /// Nothing changed up to this version.
    case bookmark(resourceVersion: String)
    /// The server gives up.
    case error(Status)
    /// A kind of event that we do not know.
    case unknown(String)
}

extension WatchEvent: Decodable where Object: Decodable {
    private enum CodingKeys: String, CodingKey {
        case type, object
    }

    private struct Bookmark: Decodable {
        struct Metadata: Decodable {
            let resourceVersion: String
        }

        let metadata: Metadata
    }

    /// Reads one line of a watch. Some proxies put a bare `Status` there, which is an error event too.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        guard let type = try container.decodeIfPresent(String.self, forKey: .type) else {
            self = .error(try Status(from: decoder))
            return
        }
        switch type {
        case "ADDED", "MODIFIED": self = .applied(try container.decode(Object.self, forKey: .object))
        case "DELETED": self = .deleted(try container.decode(Object.self, forKey: .object))
        case "BOOKMARK":
            let bookmark = try container.decode(Bookmark.self, forKey: .object)
            self = .bookmark(resourceVersion: bookmark.metadata.resourceVersion)
        case "ERROR": self = .error(try container.decode(Status.self, forKey: .object))
        default: self = .unknown(type)
        }
    }
}
