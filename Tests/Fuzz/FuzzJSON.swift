import JSON
import Platform

/// Any text must come back from its encoding. What is JSON must encode to JSON that parses to what encodes alike, and
/// the reader must find in it what the parser does.
func fuzzJSON(_ input: [UInt8]) {
    let text = JSONValue.string(String(decoding: input, as: UTF8.self))
    precondition((try? JSONValue(parsing: text.encoded())) == text, "a text changes")
    let value: JSONValue
    do throws(JSONError) {
        value = try JSONValue(parsing: input)
    } catch {
        // Only these two are not looked for in what is skipped.
        let isChecked = !error.reason.hasPrefix("duplicate key") && !error.reason.hasPrefix("a key longer")
        precondition(!isChecked || !isSkipped(input), "what is no JSON is skipped as if it were: \(error)")
        let recovered = try? RecoveredJSON(parsing: input)
        precondition(recovered?.faults.isEmpty != true, "what is no JSON is read without a fault: \(error)")
        return
    }
    let encoded = value.encoded()
    guard let again = try? JSONValue(parsing: encoded) else { fatalError("does not parse what was encoded") }
    precondition(again.encoded() == encoded, "encodes otherwise the second time")
    precondition(isSkipped(input), "JSON is not skipped")
    guard let recovered = try? RecoveredJSON(parsing: input), recovered.faults.isEmpty, recovered.value == value else {
        fatalError("JSON is read otherwise where faults are allowed")
    }
    do throws(JSONError) {
        var json = try JSONReader(input, limits: JSONLimits())
        try compare(&json, with: value)
        try json.end()
    } catch {
        fatalError("the reader refuses what the parser takes: \(error)")
    }
}

private func isSkipped(_ input: [UInt8]) -> Bool {
    do throws(JSONError) {
        var json = try JSONReader(input, limits: JSONLimits())
        try json.end()
        return true
    } catch {
        return false
    }
}

/// Reads each value by its type, but of an object only the members whose keys have an even number of bytes: the others
/// are skipped.
private func compare(_ json: inout JSONReader, with value: JSONValue) throws(JSONError) {
    switch value {
    case .object(let members):
        var count = 0
        try json.enterObject()
        while let key = try json.nextKey(includingNull: true) {
            count += 1
            guard let member = members[key] else { fatalError("a key that is not there") }
            if key.utf8.count.isMultiple(of: 2) { try compare(&json, with: member) }
        }
        precondition(count == members.count, "an object has another number of members")
    case .array(let elements):
        var rest = elements[...]
        _ = try json.array { (json) throws(JSONError) in
            guard let element = rest.popFirst() else { fatalError("an element too many") }
            try compare(&json, with: element)
        }
        precondition(rest.isEmpty, "an array has fewer elements")
    case .string:
        let read = JSONValue.string(try json.string())
        precondition(read == value, "another string")
    case .number where value.integerValue != nil:
        let read = JSONValue.integer(Int64(try json.integer()))
        precondition(read.integerValue == value.integerValue, "another integer")
    case .number:
        let read = try json.value()
        precondition(read == value, "another number")
    case .bool:
        let read = JSONValue.bool(try json.bool())
        precondition(read == value, "another boolean")
    case .null: precondition(json.isNull(), "null is another value")
    }
}
