import JSON
import Platform
import TestKit
import Testing

/// An object as one would read it: all that it does not name is skipped.
private struct Port: JSONReadable, Equatable {
    var name = ""
    var number = 0

    init(name: String, number: Int) {
        self.name = name
        self.number = number
    }

    init(from json: inout JSONReader) throws(JSONError) {
        var number: Int?
        try json.enterObject()
        while let key = try json.nextKey() {
            switch key {
            case "name": name = try json.string()
            case "port": number = try json.integer()
            default: break
            }
        }
        self.number = try json.required(number, "port")
    }
}

private struct Spec: JSONReadable, Equatable {
    var ports: [Port] = []
    var labels: [ExactText: ExactText] = [:]
    var isOn = false
    var extra: [ExactText: JSONValue] = [:]

    init(from json: inout JSONReader) throws(JSONError) {
        try json.enterObject()
        while let key = try json.nextKey() {
            switch key {
            case "ports": ports = try json.array(of: Port.self)
            case "labels": labels = try json.strings(where: { !$0.hasPrefix("x") })
            case "isOn": isOn = try json.bool()
            case "extra": extra = try json.members()
            default: break
            }
        }
    }
}

@Suite struct JSONReaderTests {
    private static func spec(_ text: String) throws(JSONError) -> Spec {
        try Spec(parsing: Array(text.utf8))
    }

    private static func failure(_ body: () throws(JSONError) -> Void) -> String {
        do { try body() } catch { return error.description }
        return "nothing"
    }

    @Test func `named members are read and all others are skipped`() throws {
        let spec = try Self.spec(
            """
            {"skipped":{"ports":[{"port":1}],"a":[[],{},"]}",1e3,-0.5,true,false,null]},
             "ports" : [ {"name":"a\\n","port":80,"more":{"port":2}} , {"port":53} ],
             "labels":{"a":"b","x":1,"c":"\\u00e9"}, "isOn":true, "last":"é\\\\"}
            """)
        #expect(spec.ports == [Port(name: "a\n", number: 80), Port(name: "", number: 53)])
        #expect(spec.labels == ["a": "b", "c": "é"])
        #expect(spec.isOn)
    }

    @Test func `a null member counts as missing`() throws {
        let spec = try Self.spec(#"{"ports":null,"labels":{"a":null,"b":"c"},"isOn":null,"extra":{"kept":null}}"#)
        #expect(spec.ports.isEmpty && spec.labels == ["b": "c"] && !spec.isOn)
        #expect(spec.extra == ["kept": .null])
    }

    @Test func `null is read where it is asked for`() throws {
        var json = try JSONReader(Array(#"{"a": null,"b":1}"#.utf8), limits: JSONLimits())
        var isNull: [String: Bool] = [:]
        try json.enterObject()
        while let key = try json.nextKey(includingNull: true) { isNull[key] = json.isNull() }
        try json.end()
        #expect(isNull == ["a": true, "b": false])
    }

    @Test func `of a duplicate key the last one counts`() throws {
        #expect(try Self.spec(#"{"isOn":true,"isOn":false,"labels":{"a":"1","a":"2"}}"#).labels == ["a": "2"])
    }

    @Test func `a copy of a reader continues where it was made`() throws {
        var json = try JSONReader(Array(#"{"a":{"port":7},"b":2}"#.utf8), limits: JSONLimits())
        try json.enterObject()
        let first = try json.nextKey()
        var copy = json
        let second = try json.nextKey()
        let number = try json.integer()
        let port = try Port(from: &copy)
        let secondOfCopy = try copy.nextKey()
        #expect(first == "a" && second == "b" && number == 2)
        #expect(port == Port(name: "", number: 7) && secondOfCopy == "b")
    }

    @Test(arguments: [
        (#"[]"#, "the document is an array, not an object"),
        (#"{"ports":{}}"#, "ports is an object, not an array"),
        (#"{"ports":[{"port":1},{"name":"a"}]}"#, "ports[1].port is missing"),
        (#"{"ports":[{"port":1},null]}"#, "ports[1] is null, not an object"),
        (#"{"ports":[{"port":"80"}]}"#, "ports[0].port is a string, not an integer"),
        (#"{"ports":[{"port":1.0}]}"#, "ports[0].port is a number, not an integer"),
        (#"{"ports":[{"port":9223372036854775808}]}"#, "ports[0].port is a number, not an integer"),
        (#"{"ports":[{"name":1,"port":1}]}"#, "ports[0].name is a number, not a string"),
        (#"{"labels":{"a":["b"]}}"#, "labels.a is an array, not a string"),
        (#"{"isOn":"true"}"#, "isOn is a string, not a boolean"), (#"{"extra":1}"#, "extra is a number, not an object"),
        (#"{"isOn":nul}"#, "line 1, column 9: unknown word"),
        (#"{"isOn":?}"#, "line 1, column 9: '?' where a value is expected"),
        (#"{"extra":{"a":1,"a":1}}"#, "line 1, column 17: duplicate key a"),
        (#"{"isOn":true} x"#, "line 1, column 15: 'x' after the end of the value"),
        ("", "line 1, column 1: ends where a value is expected"),
    ])
    func `an error names the path and the kind`(text: String, expected: String) {
        #expect(Self.failure { () throws(JSONError) in _ = try Self.spec(text) } == expected)
    }

    @Test(arguments: [
        (#"{"s":{"a":[1,2,}}"#, "line 1, column 16: '}' where a value is expected"),
        (#"{"s":[1 2]}"#, "line 1, column 9: '2' where ',' or ']' is expected"),
        (#"{"s":{"a" 1}}"#, "line 1, column 11: '1' where ':' is expected"),
        (#"{"s":{a:1}}"#, "line 1, column 7: 'a' where a key in double quotes is expected"),
        (#"{"s":"\ud800"}"#, "line 1, column 7: a lone surrogate"),
        (#"{"s":"\x"}"#, "line 1, column 7: an unknown escape"),
        ("{\"s\":\"a\tb\"}", "line 1, column 8: a control character in a string; write it as an escape"),
        (#"{"s":"abc"#, "line 1, column 10: ends inside a string"),
        (#"{"s":012}"#, "line 1, column 6: a number with a leading zero"),
        (#"{"s":tru}"#, "line 1, column 6: unknown word"),
    ])
    func `what is skipped is checked too`(text: String, expected: String) {
        #expect(Self.failure { () throws(JSONError) in _ = try Self.spec(text) } == expected)
    }

    @Test func `invalid UTF-8 is refused in skipped values`() {
        let text = Array(#"{"s":"ab"#.utf8) + [0xC3, 0x28] + Array(#""}"#.utf8)
        let failure = Self.failure { () throws(JSONError) in _ = try Spec(parsing: text) }
        #expect(failure == "line 1, column 9: invalid UTF-8")
    }

    @Test func `depth is limited in values that are kept, and not in those that are skipped`() throws {
        let limits = JSONLimits(depth: 512)
        func nested(_ depth: Int) -> [UInt8] {
            Array("{\"s\":".utf8) + Array(repeating: UInt8(ascii: "["), count: depth)
                + Array(repeating: UInt8(ascii: "]"), count: depth) + Array("}".utf8)
        }
        _ = try Spec(parsing: nested(511), limits: limits)
        let value = try JSONValue(parsing: nested(511), limits: limits)
        #expect(value.encoded() == nested(511))
        for depth in [512, 100_000] {
            _ = try Spec(parsing: nested(depth), limits: limits)
            let failure = Self.failure { () throws(JSONError) in
                _ = try JSONValue(parsing: nested(depth), limits: limits)
            }
            #expect(failure == "line 1, column 517: more than 512 arrays and objects inside each other")
            let unclosed = Array(nested(depth).dropLast(2))
            #expect(throws: JSONError.self) { try Spec(parsing: unclosed, limits: limits) }
        }
    }

    @Test func `a key may be as long as the limit`() throws {
        let text = "{\"\(String(repeating: "k", count: 2_000))\":1}"
        let failure = Self.failure { () throws(JSONError) in _ = try Self.spec(text) }
        #expect(failure == "line 1, column 2: a key longer than 1000 bytes")
        _ = try Spec(parsing: Array(text.utf8), limits: JSONLimits(keyBytes: .max))
    }
}
