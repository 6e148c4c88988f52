import HTTPServer
import Platform
import Testing

@testable import Kubernetes

/// A text in a ConfigMap, over HTTP.
@Suite struct KeptTextTests {
    private static let collection = "/api/v1/namespaces/n/configmaps"

    /// A stored ConfigMap with something else in it.
    private static func stored(_ version: Int, _ data: String) -> String {
        #"{"kind":"ConfigMap","metadata":{"name":"m","resourceVersion":"\#(version)","labels":{"x":"y"}},"data":\#(data)}"#
    }

    private static func json(_ status: Int, _ text: String) -> HTTPResponse {
        HTTPResponse(status: status, body: [Array(text.utf8)])
    }

    /// Answers each method by its own text, whatever the request says.
    private static func answers(
        get: (Int, String) = (500, ""), post: (Int, String) = (500, ""), patch: (Int, String) = (500, "")
    ) -> ScriptedAPIServer.Answer {
        { request, _ in
            switch "\(request.method)" {
            case "get": json(get.0, get.1)
            case "post": json(post.0, post.1)
            default: json(patch.0, patch.1)
            }
        }
    }

    private static func with(
        _ answer: @escaping ScriptedAPIServer.Answer,
        _ body: (KubernetesConfigMap, ScriptedAPIServer) async throws -> Void
    ) async throws {
        try await ScriptedAPIServer.with(answer) { client, server, _ in
            let map = KubernetesConfigMap(
                client: client, namespace: "n", name: "m", key: "intent.json", labels: ["a": "b"])
            try await body(map, server)
        }
    }

    private static func failure(_ body: () async throws(KubernetesError) -> Void) async -> KubernetesError? {
        do throws(KubernetesError) {
            try await body()
            return nil
        } catch {
            return error
        }
    }

    private static func writeFailure(_ map: KubernetesConfigMap, replacing version: String?) async -> KubernetesError? {
        await failure { () async throws(KubernetesError) in
            _ = try await map.write("{}", replacing: version, deadline: soon())
        }
    }

    @Test func `the first write creates the ConfigMap`() async throws {
        try await Self.with(Self.answers(post: (201, Self.stored(7, "{}")))) { map, server in
            #expect(try await map.write(#"{"a":"é"}"#, replacing: nil, deadline: soon()) == "7")
            #expect(server.lines == ["post \(Self.collection)"])
            let sent = String(decoding: try #require(server.requests.first).body, as: UTF8.self)
            #expect(
                sent == #"{"apiVersion":"v1","data":{"intent.json":"{\"a\":\"é\"}"},"kind":"ConfigMap","#
                    + #""metadata":{"labels":{"a":"b"},"name":"m","namespace":"n"}}"#)
        }
    }

    @Test func `a later write changes nothing but the text that was read`() async throws {
        try await Self.with(Self.answers(patch: (200, Self.stored(8, "{}")))) { map, server in
            #expect(try await map.write("new", replacing: "7", deadline: soon()) == "8")
            let request = try #require(server.requests.first)
            #expect(server.requests.count == 1)
            #expect(request.method == .other("PATCH") && request.path == "\(Self.collection)/m")
            #expect(request.headers["Content-Type"] == "application/merge-patch+json")
            #expect(
                String(decoding: request.body, as: UTF8.self)
                    == #"{"data":{"intent.json":"new"},"metadata":{"resourceVersion":"7"}}"#)
        }
    }

    @Test func `a text is read with its version`() async throws {
        let data = #"{"other":"x","intent.json":"{\"a\":1}"}"#
        try await Self.with(Self.answers(get: (200, Self.stored(7, data)))) { map, server in
            let read = try await map.read(deadline: soon())
            #expect(read == VersionedText(text: #"{"a":1}"#, version: "7"))
            #expect(server.lines == ["get \(Self.collection)/m"])
        }
    }

    @Test(arguments: [
        (404, #"{"kind":"Status","code":404}"#), (200, stored(7, "null")), (200, stored(7, "{}")),
        (200, stored(7, #"{"other":"x","intent.json":null}"#)), (200, #"{"metadata":{"resourceVersion":"7"}}"#),
    ])
    func `without the ConfigMap or the key nothing is kept`(status: Int, body: String) async throws {
        try await Self.with(Self.answers(get: (status, body))) { map, _ in
            let read = try await map.read(deadline: soon())
            #expect(read == nil)
        }
    }

    @Test func `the text is added to a ConfigMap that has none`() async throws {
        let answers = Self.answers(
            get: (200, Self.stored(7, #"{"other":"x"}"#)), post: (409, "{}"), patch: (200, Self.stored(8, "{}")))
        try await Self.with(answers) { map, server in
            let version = try await map.write("{}", replacing: nil, deadline: soon())
            #expect(version == "8")
            let path = "\(Self.collection)/m"
            #expect(server.lines == ["post \(Self.collection)", "get \(path)", "other(\"PATCH\") \(path)"])
            let sent = String(decoding: try #require(server.requests.last).body, as: UTF8.self)
            #expect(sent.contains(#""resourceVersion":"7""#))
        }
    }

    @Test func `a lost race is a conflict`() async throws {
        let conflict = #"{"kind":"Status","code":409,"reason":"Conflict","message":"the object has been modified"}"#
        try await Self.with(Self.answers(patch: (409, conflict))) { map, server in
            let expected = Status(code: 409, reason: "Conflict", message: "the object has been modified")
            #expect(await Self.writeFailure(map, replacing: "7") == .status(expected))
            #expect(server.lines.count == 1)
        }
        let exists = #"{"kind":"Status","code":409,"reason":"AlreadyExists","message":"it exists"}"#
        let answers = Self.answers(get: (200, Self.stored(7, #"{"intent.json":""}"#)), post: (409, exists))
        try await Self.with(answers) { map, server in
            let expected = Status(code: 409, reason: "AlreadyExists", message: "it exists")
            #expect(await Self.writeFailure(map, replacing: nil) == .status(expected))
            #expect(server.lines.count == 2)
        }
        try await Self.with(Self.answers(patch: (404, "{}"))) { map, _ in
            let expected = Status(code: 409, reason: "Conflict", message: "ConfigMap n/m was deleted")
            #expect(await Self.writeFailure(map, replacing: "7") == .status(expected))
        }
    }

    @Test func `a missing namespace is no conflict`() async throws {
        let missing = #"{"kind":"Status","code":404,"message":"namespaces \"n\" not found"}"#
        try await Self.with(Self.answers(post: (404, missing))) { map, _ in
            let expected = Status(code: 404, message: #"namespaces "n" not found"#)
            #expect(await Self.writeFailure(map, replacing: nil) == .status(expected))
        }
    }

    @Test func `a text that is too large is not sent`() async throws {
        let large = String(repeating: "é", count: KubernetesConfigMap.limit / 2)
        try await Self.with(Self.answers(post: (201, Self.stored(7, "{}")))) { map, server in
            let version = try await map.write(large, replacing: nil, deadline: soon())
            #expect(version == "7")
            for version in [nil, "7"] {
                let failure = await Self.failure { () async throws(KubernetesError) in
                    _ = try await map.write(large + "x", replacing: version, deadline: soon())
                }
                #expect(failure == .requestTooLarge(limit: 524_288))
                #expect(failure?.description == "a text to keep is larger than 524288 bytes")
            }
            #expect(server.lines.count == 1)
        }
    }

    @Test func `an operator is told of an immutable ConfigMap`() async throws {
        let invalid = #"{"kind":"Status","reason":"Invalid","message":"data: field is immutable when it is set"}"#
        try await Self.with(Self.answers(patch: (422, invalid))) { map, _ in
            let said = await Self.writeFailure(map, replacing: "7")?.description
            #expect(
                said == "the Kubernetes API answered 422 Invalid: ConfigMap n/m is immutable: create it again without "
                    + "`immutable` (data: field is immutable when it is set)")
        }
        let other = #"{"kind":"Status","reason":"Invalid","message":"data: Too long"}"#
        try await Self.with(Self.answers(patch: (422, other))) { map, _ in
            let said = await Self.writeFailure(map, replacing: "7")?.description
            #expect(said == "the Kubernetes API answered 422 Invalid: data: Too long")
        }
    }

    @Test(arguments: [
        (
            403, #"{"kind":"Status","reason":"Forbidden","message":"no"}"#,
            "the Kubernetes API answered 403 Forbidden: no"
        ),
        (500, "<html>", "the Kubernetes API answered 500 InternalError: <html>"),
        (200, "", "METHOD: line 1, column 1: ends where a value is expected"),
        (200, "[]", "METHOD: the document is an array, not an object"),
        (200, "{}", "METHOD: metadata.resourceVersion is missing"),
        (200, #"{"metadata":{"resourceVersion":7}}"#, "METHOD: metadata.resourceVersion is a number, not a string"),
        (
            200, #"{"metadata":{"resourceVersion":""}}"#, "METHOD: the document has an empty metadata.resourceVersion"
        ),
        (200, #"{"metadata":{"resourceVersion":"7"},"data":[]}"#, "METHOD: data is an array, not an object"),
        (
            200, #"{"metadata":{"resourceVersion":"7"},"data":{"intent.json":{}}}"#,
            "METHOD: data.intent.json is an object, not a string"
        ),
    ])
    func `every bad answer is one clear error`(status: Int, body: String, expected: String) async throws {
        let answer = (status, body)
        try await Self.with(Self.answers(get: answer, post: answer, patch: answer)) { map, server in
            func check(_ failure: KubernetesError?, _ request: String) {
                let place = "malformed answer of the Kubernetes API: \(request)"
                let wanted = expected.hasPrefix("METHOD") ? place + expected.dropFirst("METHOD".count) : expected
                #expect(failure?.description == wanted)
            }
            let read = await Self.failure { () async throws(KubernetesError) in _ = try await map.read(deadline: soon())
            }
            check(read, "GET \(Self.collection)/m")
            check(await Self.writeFailure(map, replacing: nil), "POST \(Self.collection)")
            check(await Self.writeFailure(map, replacing: "7"), "PATCH \(Self.collection)/m")
            #expect(server.lines.count == 3)
        }
    }
}
