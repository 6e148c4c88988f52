import CheckModel
import Platform
import Testing

@Suite struct NodeStatusTests {
    static let valid: [(body: String, lastChange: Int64, nodeType: Int)] = [
        (#"{"last_change":0}"#, 0, 0),
        (#"{"last_change":1767225600000000000,"node_type":2}"#, 1_767_225_600_000_000_000, 2),
        (#"{"last_change":-1,"node_type":1}"#, -1, 1),
        (#"{"last_change":9223372036854775807}"#, .max, 0),
        (#"{"last_change":-9223372036854775808}"#, .min, 0),
        ("{}", 0, 0),
        (#"{"last_change":null,"node_type":null}"#, 0, 0),
        (#" { "node_type" : 1 , "last_change" : 5 } "#, 5, 1),
        (#"{"Last_Change":5,"NODE_TYPE":1}"#, 5, 1),
        (#"{"last_change":5,"last_change_":6,"last_chang":7,"last-change":8}"#, 5, 0),
        (#"{"last_\u0063hange":5}"#, 5, 0),
    ]

    @Test(arguments: valid)
    func `a status report is read as Go reads it`(_ row: (body: String, lastChange: Int64, nodeType: Int)) throws {
        let request = try NodeStatusRequest(parsing: Array(row.body.utf8))
        #expect(request == NodeStatusRequest(lastChange: row.lastChange, nodeType: row.nodeType))
    }

    @Test(
        arguments: [
            (#"{"check_compatibility":{"include":["b","a"],"exclude":null},"last_change":5}"#, ["a"], [], ""),
            (#"{"check_compatibility":{"exclude":["a"]}}"#, [], ["a"], ""),
            (#"{"check_compatibility":{}}"#, [], [], ""),
            (#"{"checks":{"version":"7","names":["a","b"]}}"#, ["a"], [], "7"),
        ] as [(String, [String], [String], String)])
    func `an agent says which checks it runs`(
        body: String, included: [String], excluded: [String], version: String
    ) throws {
        let said = try #require(try NodeStatusRequest(parsing: Array(body.utf8)).compatibility)
        #expect(said.version == version)
        for name in included { #expect(said.runs(name)) }
        for name in excluded { #expect(!said.runs(name)) }
        #expect(said.runs("c") == included.isEmpty)
        #expect(!said.runs("a") == excluded.contains("a"))
        #expect(try NodeStatusRequest(parsing: Array(#"{"checks":null}"#.utf8)).compatibility == nil)
        let sent = NodeStatusRequest(
            lastChange: 3, compatibility: CheckCompatibility(include: ["tls", "tcp_check"], version: "1"))
        #expect(try NodeStatusRequest(parsing: sent.encoded()) == sent)
    }

    @Test func `names of checks are compared by their bytes`() {
        let said = CheckCompatibility(include: ["caf\u{e9}", "b", "a", "d", "c"])
        #expect(said.runs("caf\u{e9}") && !said.runs("cafe\u{301}") && said.runs("d") && !said.runs("e"))
    }

    static let invalid: [(body: String, error: String)] = [
        (#"{"checks":["a"]}"#, "status: line 1, column 11: checks is an array, not an object"),
        (
            #"{"checks":{"names":"a"}}"#,
            "status: line 1, column 11: checks.names is no list of at most 2000 names of checks"
        ),
        (
            #"{"check_compatibility":{"exclude":[1]}}"#,
            "status: line 1, column 24: check_compatibility.exclude is no list of at most 2000 names of checks"
        ),
        ("", "status: line 1, column 1: ends where an object is expected"),
        ("null", "status: line 1, column 1: 'n' where an object is expected"),
        ("[]", "status: line 1, column 1: '[' where an object is expected"),
        (#"{"last_change":"5"}"#, "status: line 1, column 16: last_change is a string that is not a 64-bit integer"),
        (#"{"last_change":1.0}"#, "status: line 1, column 16: last_change is a number that is not a 64-bit integer"),
        (
            #"{"last_change":9223372036854775808}"#,
            "status: line 1, column 16: last_change is a number that is not a 64-bit integer"
        ),
        (#"{"node_type": true}"#, "status: line 1, column 15: node_type is a boolean that is not a 64-bit integer"),
        (
            #"{"departure":"left"}"#,
            "status: line 1, column 14: departure is a string that is neither leaving nor gone"
        ),
        (#"{"departure":1}"#, "status: line 1, column 14: departure is a number that is neither leaving nor gone"),
        (
            #"{"departure":"Gone"}"#,
            "status: line 1, column 14: departure is a string that is neither leaving nor gone"
        ),
        (#"{"last_change":1"#, "status: line 1, column 17: ends where ',' or '}' is expected"),
        (#"{"last_change":1}x"#, "status: line 1, column 18: 'x' after the end of the value"),
    ]

    @Test(arguments: invalid)
    func `a malformed status report is an error that names the place`(_ row: (body: String, error: String)) {
        let error = #expect(throws: CheckModelError.self) { try NodeStatusRequest(parsing: Array(row.body.utf8)) }
        #expect(error?.description == row.error)
    }

    @Test func `the status that a node-agent sends is read back`() throws {
        for request in [
            NodeStatusRequest(lastChange: -1, nodeType: 2), NodeStatusRequest(lastChange: .max),
            NodeStatusRequest(lastChange: 7, departure: .leaving),
            NodeStatusRequest(lastChange: 0, nodeType: 2, departure: .gone),
        ] {
            #expect(try NodeStatusRequest(parsing: request.encoded()) == request)
        }
    }

    @Test(arguments: [
        (#"{"last_change":7,"node_type":2,"departure":"leaving"}"#, Departure.leaving),
        (#"{"last_change":7,"node_type":2,"departure":"gone"}"#, .gone),
        (#"{"last_change":7,"node_type":2}"#, nil),
    ]) func `a departure is a member only of the status of an agent that stops`(_ body: String, _ departure: Departure?)
        throws
    {
        let request = NodeStatusRequest(lastChange: 7, nodeType: 2, departure: departure)
        #expect(String(decoding: request.encoded(), as: UTF8.self) == body)
        #expect(try NodeStatusRequest(parsing: Array(body.utf8)) == request)
    }

    @Test func `the name of a departure is read in any case, and null is none`() throws {
        let request = try NodeStatusRequest(parsing: Array(#"{"Departure":"gone","last_change":7}"#.utf8))
        #expect(request == NodeStatusRequest(lastChange: 7, departure: .gone))
        #expect(try NodeStatusRequest(parsing: Array(#"{"departure":null}"#.utf8)).departure == nil)
    }

    @Test func `the answer to a status is read back, and nothing else is taken for one`() throws {
        #expect(String(decoding: NodeStatusAnswer.bytes(upToDate: true), as: UTF8.self) == #"{"isuptodate":true}"#)
        for upToDate in [true, false] {
            #expect(try NodeStatusAnswer.isUpToDate(parsing: NodeStatusAnswer.bytes(upToDate: upToDate)) == upToDate)
        }
        for body in ["", "{}", "true", #"{"isuptodate":1}"#] {
            #expect(throws: CheckModelError.self) { try NodeStatusAnswer.isUpToDate(parsing: Array(body.utf8)) }
        }
    }

    @Test func `checks that are being handed over are counted in the answer, and none are not mentioned`() throws {
        for (upToDate, count, body) in [
            (true, 0, #"{"isuptodate":true}"#), (false, 0, #"{"isuptodate":false}"#),
            (true, 1, #"{"isuptodate":true,"handing_over":1}"#),
            (false, 120, #"{"isuptodate":false,"handing_over":120}"#),
        ] {
            let bytes = NodeStatusAnswer.bytes(upToDate: upToDate, handingOver: count)
            #expect(String(decoding: bytes, as: UTF8.self) == body)
            let answer = try NodeStatusAnswer(parsing: bytes)
            #expect(answer.isUpToDate == upToDate && answer.handingOver == count)
        }
    }

    @Test(arguments: ["-1", "1.5", #""1""#, "true", "null", "9223372036854775808"])
    func `a number of checks that is none is refused`(_ count: String) {
        let error = #expect(throws: CheckModelError.self) {
            try NodeStatusAnswer(parsing: Array(#"{"isuptodate":true,"handing_over":\#(count)}"#.utf8))
        }
        #expect(error?.description == "status answer: handing_over is not an integer of 0 or more")
    }
}
