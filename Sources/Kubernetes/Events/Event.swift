package import Platform

/// The type of an Event.
package enum EventType: String, Hashable, Sendable {
    /// Expected, for information.
    case normal = "Normal"
    /// Needs attention.
    case warning = "Warning"
}

/// A note about an object, from which an Event is made.
struct EventNote: Hashable, Sendable {
    /// The longest message that the API accepts, in bytes.
    static let messageBytes = 1024

    let type: EventType
    /// Why, in one word for machines: `InvalidCheckConfig`.
    @ExactText private(set) var reason: String
    /// At most `messageBytes` bytes.
    @ExactText private(set) var message: String
    let about: ObjectReference
    /// Whether this stands for many notes that differ only in their messages.
    let isCombined: Bool

    /// A note; a longer message is cut between two characters.
    init(_ type: EventType, reason: String, message: String, about: ObjectReference, isCombined: Bool = false) {
        self.type = type
        self.reason = reason
        self.message = cut(message, to: Self.messageBytes)
        self.about = about
        self.isCombined = isCombined
    }

    /// The note that stands for this one and those like it (client-go's text).
    var combined: EventNote {
        EventNote(
            type, reason: reason, message: "(combined from similar events): \(message)", about: about, isCombined: true)
    }

    /// The namespace of the Event: the object's, or `default` for an object of the cluster.
    var namespace: String {
        about.namespace.isEmpty ? "default" : about.namespace
    }

    /// The name of the Event. The same note has the same name on every replica and at any time, so that repetitions are
    /// counted in one object.
    var name: String {
        let content = isCombined ? "" : message
        let fields = [
            about.apiVersion, about.kind, about.namespace, about.name, about.uid, type.rawValue, reason, content,
        ]
        // Each text ends with a zero byte, so that ("ab", "c") and ("a", "bc") differ.
        let sum = fields.reduce(into: FNV1a()) { hash, text in
            hash.add(text.utf8)
            hash.add(0)
        }
        let hash = zeroPadded(sum.value, width: 16, radix: 16)
        let name = "\(about.name).\(hash)"
        return isDNSSubdomain(name) ? name : hash
    }
}

/// An Event (core/v1) to be created.
struct Event: Hashable, Sendable {
    let note: EventNote
    @ExactText private(set) var component: String
    @ExactText private(set) var instance: String
    let first: WallTime
    let last: WallTime
    let count: Int
}

/// The fields of an existing Event that we use.
struct StoredEvent: Hashable, Sendable {
    @ExactText private(set) var resourceVersion: String
    let count: Int
    @ExactText private(set) var last: String
    @ExactText private(set) var instance: String
}

/// The change that counts a repetition of an existing Event; a conflict if it has changed since it was read.
struct EventPatch: Hashable, Sendable {
    @ExactText private(set) var resourceVersion: String
    @ExactText private(set) var message: String
    @ExactText private(set) var instance: String
    let last: WallTime
    let count: Int
}

/// A time in the format of Events and conditions: RFC 3339 in whole seconds.
package func eventTime(_ time: WallTime) -> String {
    "\(CivilTime(time).text)Z"
}

/// Whether `name` is a DNS subdomain (RFC 1123), as the API wants names: labels of lower-case letters, digits and inner
/// hyphens, joined by dots; at most 253 bytes.
package func isDNSSubdomain(_ name: String) -> Bool {
    let labels = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    let hyphen = UInt8(ascii: "-")
    return name.utf8.count <= 253
        && labels.allSatisfy { label in
            guard let first = label.first, let last = label.last, first != hyphen, last != hyphen else { return false }
            return label.allSatisfy { byte in
                UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
                    || byte == hyphen
            }
        }
}
