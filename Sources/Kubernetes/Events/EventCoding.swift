import JSON
import Platform

extension Event {
    /// The body of a POST.
    func encoded() -> [UInt8] {
        JSONValue.object([
            "apiVersion": .string("v1"), "kind": .string("Event"),
            "metadata": .object(["name": .string(note.name), "namespace": .string(note.namespace)]),
            "involvedObject": note.about.json, "type": .string(note.type.rawValue), "reason": .string(note.reason),
            "message": .string(note.message), "source": .object(["component": .string(component)]),
            "reportingComponent": .string(component), "reportingInstance": .string(instance),
            "firstTimestamp": .string(eventTime(first)), "lastTimestamp": .string(eventTime(last)),
            "count": .integer(Int64(count)),
        ]).encoded()
    }
}

extension StoredEvent: JSONReadable {
    /// Reads it; all but the version may be missing, for others write Events in other ways.
    init(from json: inout JSONReader) throws(JSONError) {
        var whole = json
        var (count, last, instance) = (1, "", "")
        try json.enterObject()
        while let key = try json.nextKey() {
            switch key {
            case "count": count = try json.integer()
            case "lastTimestamp": last = try json.string()
            case "reportingInstance": instance = try json.string()
            default: break
            }
        }
        self.init(resourceVersion: try whole.resourceVersion(), count: count, last: last, instance: instance)
    }
}

extension EventPatch {
    /// The body of a PATCH: a JSON merge patch.
    func encoded() -> [UInt8] {
        JSONValue.object([
            "metadata": .object(["resourceVersion": .string(resourceVersion)]), "message": .string(message),
            "reportingInstance": .string(instance), "lastTimestamp": .string(eventTime(last)),
            "count": .integer(Int64(count)),
        ]).encoded()
    }
}
