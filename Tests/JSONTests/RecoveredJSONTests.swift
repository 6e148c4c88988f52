import Platform
import Testing

@testable import JSON

@Suite struct RecoveredJSONTests {
    @Test(arguments: [
        #"{"a":[1,{"b":null}],"c":"é"}"#, "[]", "1", "\"x\"", #"{"a":{"a":{"a":[[[]]]}}}"#,
        " {\n\"a\" : [ true , false ] } ",
    ])
    func `what is JSON is read as such`(text: String) throws {
        let recovered = try RecoveredJSON(parsing: Array(text.utf8))
        #expect(recovered.value == (try JSONValue(parsing: text)))
        #expect(recovered.faults.isEmpty)
    }

    @Test(
        arguments: [
            (#"{"a":"\ud800","b":1}"#, #"{"a":null,"b":1}"#, [[.member("a")]]),
            (
                #"{"a":[1,"\q",{"x":tru}],"b":2}"#, #"{"a":[1,null,{"x":null}],"b":2}"#,
                [[.member("a"), .element(1)], [.member("a"), .element(2), .member("x")]]
            ),
            (#"{"a":{"x":1,"x":2},"b":3}"#, #"{"a":{"x":2},"b":3}"#, [[.member("a")]]),
            (#"{"\ud800":1,"b":2}"#, #"{"b":2}"#, [[]]),
            (#"[01,1.,2]"#, "[null,null,2]", [[.element(0)], [.element(1)]]),
            ("{\"a\":\"\t\",\"b\":1}", #"{"a":null,"b":1}"#, [[.member("a")]]),
            (#"{"a":"\"\\\q","b":1}"#, #"{"a":null,"b":1}"#, [[.member("a")]]),
        ] as [(String, String, [[RecoveredJSON.Step]])])
    func `a fault is in the value that has it`(text: String, value: String, paths: [[RecoveredJSON.Step]]) throws {
        let recovered = try RecoveredJSON(parsing: Array(text.utf8))
        #expect(recovered.value == (try JSONValue(parsing: value)))
        #expect(recovered.faults.map(\.path) == paths)
    }

    @Test(arguments: [
        #"{"a":1,"b":}"#, #"{"a":1 "b":2}"#, #"{"a":"x}"#, "{\"a\":\"x\n\",\"b\":1}", "yes", "a: b", "{a:1}", "[1,2",
        "[1]]", "",
        #"{"a":yes,"b":[}"#, #"{"a":'x'}"#, #"{"a":{"x":"y},"b":{"z":"w"}}"#,
    ])
    func `what leaves it open where a value ends is an error`(text: String) {
        #expect(throws: JSONError.self) { try RecoveredJSON(parsing: Array(text.utf8)) }
    }

    /// Counting the lines of each fault from the start took half a minute. The bound is many times what it takes.
    @Test(arguments: [#"{"a":tru},"#, #"{"a":1,"a":2},"#, #""\q","#])
    func `many faults take linear time, and each has its place`(piece: String) throws {
        let count = 60_000 / piece.utf8.count
        let started = SystemClock().now()
        let text = "[" + String(repeating: piece + "\n", count: count) + "1]"
        let faults = try RecoveredJSON(parsing: Array(text.utf8)).faults
        #expect(SystemClock().now() - started < .seconds(60))
        #expect(faults.count == count)
        #expect(faults.map(\.error.line) == Array(1...count))
        #expect(Set(faults.dropFirst().map(\.error.column)).count == 1)
    }

    @Test func `the first fault is the reason of a text that cannot be read`() {
        #expect(throws: JSONError(at: 5, of: Array(#"{"a":yes,"b":[}"#.utf8), reason: "'y' where a value is expected"))
        {
            try RecoveredJSON(parsing: Array(#"{"a":yes,"b":[}"#.utf8))
        }
    }
}
