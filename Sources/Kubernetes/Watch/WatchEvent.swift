package import JSON

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

extension WatchEvent: JSONReadable where Object: JSONReadable {
    /// Reads one line of a watch. Some proxies put a bare `Status` there, which is an error event too.
    package init(from json: inout JSONReader) throws(JSONError) {
        var whole = json
        var type: String?
        var object: JSONReader?
        try json.enterObject()
        while let key = try json.nextKey() {
            switch key {
            case "type": type = try json.string()
            // It is read when its type is known.
            case "object": object = json
            default: break
            }
        }
        guard let type else {
            self = .error(try Status(from: &whole))
            return
        }
        var content = try json.required(object, "object")
        switch type {
        case "ADDED", "MODIFIED": self = .applied(try Object(from: &content))
        case "DELETED": self = .deleted(try Object(from: &content))
        case "BOOKMARK": self = .bookmark(resourceVersion: try content.resourceVersion())
        case "ERROR": self = .error(try Status(from: &content))
        default: self = .unknown(type)
        }
    }
}

extension JSONReader {
    /// Reads the `metadata.resourceVersion` of an object, and nothing else of it.
    mutating func resourceVersion() throws(JSONError) -> String {
        var version: String?
        try enterObject()
        while let key = try nextKey() {
            guard key == "metadata" else { continue }
            try enterObject()
            while let key = try nextKey() {
                if key == "resourceVersion" { version = try string() }
            }
        }
        return try required(version, "metadata.resourceVersion")
    }
}
