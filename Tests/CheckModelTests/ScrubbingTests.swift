import JSON
import Platform
import TestKit
import Testing

@testable import CheckModel

/// What people are shown of a config.
@Suite struct ScrubbingTests {
    private func scrubbed(_ text: String) throws -> String {
        String(decoding: Scrubbing.scrubbed(try JSONValue(parsing: Array(text.utf8))).encoded(), as: UTF8.self)
    }

    /// The bound is many times what it takes. Looking for the end of each element took hours.
    @Test func `many elements without an end are looked through once`() {
        let text = String(repeating: "<a", count: 200_000)
        let started = SystemClock().now()
        #expect(Scrubbing.scrubbed(text) == text)
        #expect(SystemClock().now() - started < .seconds(60))
    }

    @Test(arguments: [
        "password", "PASSWORD", "db_password", "http-password", "passwd", "pass", "pwd", "token", "auth_token",
        "bearerToken",
        "client_secret", "api_key", "apikey", "app-key", "access_key", "private_key", "credentials", "Authorization",
        "community_string", "key", "mysql_pass", "password_mysql", "authKey", "privKey", "community",
        "community_strings",
        "authentication_key", "privacy_key", "cert_key", "cert_key_password", "keystore_pass", "account_key",
        "shared_key", "signing_key", "Ocp-Apim-Subscription-Key", "X-Api-Key", "APIKey",
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
        #"{"bearer_token_auth":"true","bearer_token_path":"/run/token","token_type":"jwt"}"#,
        #"{"auth_token":{"reader":{"type":"file","path":"/run/token"}}}"#, #"{"auth_token_file_path":"/foo/bar/baz"}"#,
        #"{"partition_key":"a","public_key":"b","primary_key":"c"}"#, #"{"image":"nginx:1.25@sha256:e8dabc7d398d25"}"#,
        #"{"container_id":"b32bd6f9b73ba7ccb64953a04b82b48e29dfafab65fd57ca01d3b94a0e024885"}"#,
        #"{"path":"/a/3290abeefc68e1bbe852a25252bad88c/b"}"#, #"{"url":"http://host:8080/a@b"}"#,
        #"{"url":"http://[fd00::1]:8080/a@b"}"#, #"{"text":"basic authentication failed, token: none"}"#,
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
        // Public cases, most from upstream's own tests of its scrubber.
        ("http://user:p@ssw0r)@host:port", "http://user:********@host:port"),
        ("http://user:🔑🔒@host:port", "http://user:********@host:port"),
        ("mongodb+s.r-v://user:password@host:port", "mongodb+s.r-v://user:********@host:port"),
        ("mongodb+srv://u:a/b@h", "mongodb+srv://u:********@h"), ("amqp://u:a#b@h", "amqp://u:********@h"),
        ("redis://:a?b@h", "redis://:********@h"), ("user:pw@tcp(db)/app", "user:********@tcp(db)/app"),
        ("'user:password@host:port'", "'user:********@host:port'"),
        ("http://dog.tld/api?key=3290abeefc68e1bbe852a25252bad88c", "http://dog.tld/api?key=********"),
        ("http://dog.tld/application_key=InvalidLength12345abbbb", "http://dog.tld/application_key=********"),
        ("https://h/v1/input/aaaaaaaaaaaaaaaaaaaaaaaaaaaabbbb", "https://h/v1/input/********"),
        ("http://h/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbb?x=1", "http://h/********?x=1"),
        ("DD_API_KEY=3290abeefc68e1bbe852a25252bad88c", "DD_API_KEY=********"),
        (#"{"password":"x\"y","a":1}"#, #"{"password":"********","a":1}"#), ("password: x", "password: ********"),
        ("<Password>x</Password>", "<Password>********</Password>"), ("mysql_pass: 'a b'", "mysql_pass: '********'"),
        ("Authorization: Bearer s3cr3t", "Authorization: Bearer ********"), ("AuthBearer s3cr3t", "AuthBearer s3cr3t"),
        (
            "field value \"Bearer 260a9c065b\\n\" for key Authorization",
            "field value \"Bearer ********\\n\" for key Authorization"
        ),
        (
            "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n",
            "-----BEGIN PRIVATE KEY-----********-----END PRIVATE KEY-----\n"
        ),
        ("\"simple.metric:44|g|@1.00000\"", "\"simple.metric:44|g|@1.00000\""), ("password:none", "password:none"),
        ("/run/one.token: a token has 32 characters or more", "/run/one.token: a token has 32 characters or more"),
        ("--cluster_agent.auth_token: not set", "--cluster_agent.auth_token: not set"),
    ])
    func `a secret inside a text is masked`(text: String, expected: String) {
        #expect(Scrubbing.scrubbed(text) == expected)
    }

    @Test func `no text traps, and a masked text stays as it is`() {
        let dice = SeededEntropy(seed: 7)
        let pieces = [
            "password", "=", ":", "\"", "'", " ", "://", "@", "/", "?", "<", ">", "Bearer ",
            "-----BEGIN PRIVATE KEY-----",
            "-----END", "ENC[x]", "a", "é", "\n", "token", "[", "]", "0123456789abcdef0123456789abcdef", "|", ",",
        ]
        for _ in 0..<3_000 {
            let text = (0..<dice.next(below: 12)).map { _ in pieces[dice.next(below: pieces.count)] }.joined()
            let once = Scrubbing.scrubbed(text)
            #expect(Scrubbing.scrubbed(once) == once, "\(text)")
        }
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
