import CheckModel
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
        (#"{"check_compatibility":{"include":["a"],"exclude":null},"last_change":5}"#, 5, 0),
        (#"{"last_change":5,"last_change_":6,"last_chang":7,"last-change":8}"#, 5, 0),
        (#"{"last_\u0063hange":5}"#, 5, 0),
    ]

    @Test(arguments: valid)
    func `a status report is read as Go reads it`(_ row: (body: String, lastChange: Int64, nodeType: Int)) throws {
        let request = try NodeStatusRequest(parsing: Array(row.body.utf8))
        #expect(request == NodeStatusRequest(lastChange: row.lastChange, nodeType: row.nodeType))
    }

    static let invalid: [(body: String, error: String)] = [
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
        (#"{"last_change":1"#, "status: line 1, column 17: ends where ',' or '}' is expected"),
        (#"{"last_change":1}x"#, "status: line 1, column 18: 'x' after the end of the value"),
    ]

    @Test(arguments: invalid)
    func `a malformed status report is an error that names the place`(_ row: (body: String, error: String)) {
        let error = #expect(throws: CheckModelError.self) { try NodeStatusRequest(parsing: Array(row.body.utf8)) }
        #expect(error?.description == row.error)
    }

    @Test func `the status that a node-agent sends is read back`() throws {
        for request in [NodeStatusRequest(lastChange: -1, nodeType: 2), NodeStatusRequest(lastChange: .max)] {
            #expect(try NodeStatusRequest(parsing: request.encoded()) == request)
        }
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
}
