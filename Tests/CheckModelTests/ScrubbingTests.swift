import JSON
import Testing

@testable import CheckModel

/// What people are shown of a config.
@Suite struct ScrubbingTests {
    private func scrubbed(_ text: String) throws -> String {
        String(decoding: Scrubbing.scrubbed(try JSONValue(parsing: Array(text.utf8))).encoded(), as: UTF8.self)
    }

    @Test(arguments: [
        "password", "PASSWORD", "db_password", "http-password", "passwd", "pass", "pwd", "token", "auth_token",
        "bearerToken",
        "client_secret", "api_key", "apikey", "app-key", "access_key", "private_key", "credentials", "Authorization",
        "community_string", "key",
    ])
    func `a value under the name of a secret is masked`(key: String) throws {
        #expect(try scrubbed(#"{"\#(key)":"s3cr3t","host":"a"}"#).contains("s3cr3t") == false)
        #expect(try scrubbed(#"{"\#(key)":["s3cr3t",{"x":"s3cr3t"}]}"#).contains("s3cr3t") == false)
        #expect(try scrubbed(#"{"\#(key)":12345}"#).contains("12345") == false)
        #expect(try scrubbed(#"{"deep":[{"\#(key)":"s3cr3t"}]}"#).contains("s3cr3t") == false)
    }

    @Test(arguments: [
        #"{"host":"a","port":80,"tags":["password:none"],"name":"token-service"}"#, #"{"password":"ENC[db/main]"}"#,
        #"{"use_token":true,"token":null,"password":""}"#, #"{"url":"http://127.0.0.1:8080/a?b=c"}"#,
        #"{"keyspace":"main","monkey":"x","passenger":"y","compass":"z"}"#,
        #"{"query":"select a, b from t where x=1"}"#, #"{"url":"https://user@host/"}"#,
    ])
    func `what is not a secret stays`(text: String) throws {
        let json = try JSONValue(parsing: Array(text.utf8))
        #expect(Scrubbing.scrubbed(json) == json)
    }

    @Test(arguments: [
        ("postgres://app:s3cr3t@db:5432/x", "postgres://app:********@db:5432/x"),
        ("http://a:p@ss@host/ and ftp://b:q@c", "http://a:********@host/ and ftp://b:********@c"),
        ("http://host/?api_key=s3cr3t&x=1", "http://host/?api_key=********&x=1"),
        ("Bearer s3cr3t", "Bearer ********"), ("password=s3cr3t;host=a", "password=********;host=a"),
        ("http://u:ENC[x]@host/", "http://u:ENC[x]@host/"), ("password=ENC[x]", "password=ENC[x]"), ("", ""),
        ("a  b", "a  b"),
    ])
    func `a secret inside a text is masked`(text: String, expected: String) {
        #expect(Scrubbing.scrubbed(text) == expected)
    }

    @Test func `scrubbing keeps the shape of a config`() throws {
        let config = WireConfig(
            checkName: "postgres", instances: [Array(#"{"host":"a","password":"s3cr3t"}"#.utf8)],
            initConfig: Array("{}".utf8), logs: Array(#"[{"token":"s3cr3t"}]"#.utf8))
        let shown = Scrubbing.scrubbed(config)
        #expect(shown.instances == [Array(#"{"host":"a","password":"********"}"#.utf8)])
        #expect(shown.initConfig == config.initConfig)
        #expect(shown.logs == Array(#"[{"token":"********"}]"#.utf8))
        #expect(
            Scrubbing.scrubbed(WireConfig(checkName: "x", instances: [Array("not json".utf8)])).instances != [
                Array("not json".utf8)
            ])
    }
}
