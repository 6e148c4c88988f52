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

    /// The bound is many times what it takes. Looking for the end of each element, or of each line, took hours.
    @Test(arguments: [
        "<a", "key=", "?key=", "header=", "name=\"", "token: is ", "<token><![CDATA[", "password={", "password='''",
        "-p ", "x:a", "'token: is \"", "name: \"", "name: \\\"", "//a:b ", "a:b@,", "token=ENC[", "password \"is",
        "--token is ", "-----BEGIN ", "token:\n", "x,x&", "x:[", "basic basic ", "\"token\" ", "eyJ", "http://", "{",
    ])
    func `what has no end is looked through once`(piece: String) {
        let text = String(repeating: piece, count: 40_000 / piece.utf8.count)
        let started = SystemClock().now()
        _ = Scrubbing.scrubbed(text)
        #expect(SystemClock().now() - started < .seconds(60))
    }

    @Test func `JSON within JSON is looked through, and beyond two levels as text`() throws {
        var text = #"{"name":"PASSWORD","value":"s3cr3t"}"#
        for _ in 0..<2 { text = String(decoding: JSONValue.object(["a": .string(text)]).encoded(), as: UTF8.self) }
        #expect(!Scrubbing.scrubbed(text).contains("s3cr3t"))
        text = String(repeating: "a", count: 60_000)
        for _ in 0..<12 { text = String(decoding: JSONValue.array([.string(text)]).encoded(), as: UTF8.self) }
        #expect(Scrubbing.scrubbed(text) == text)
    }

    @Test(arguments: [
        "password", "PASSWORD", "db_password", "http-password", "passwd", "pass", "pwd", "token", "auth_token",
        "bearerToken",
        "client_secret", "api_key", "apikey", "app-key", "access_key", "private_key", "credentials", "Authorization",
        "community_string", "mysql_pass", "password_mysql", "authKey", "privKey", "community",
        "community_strings",
        "authentication_key", "privacy_key", "cert_key", "cert_key_password", "keystore_pass", "account_key",
        "shared_key", "signing_key", "Ocp-Apim-Subscription-Key", "X-Api-Key", "APIKey", "jwt", "my_jwt",
        "consumer_key", "token_id", "auth-tenantId", "Authority", "LODAuth", "Sec-WebSocket-Key", "statuskey", "X-Auth",
        "X-Stratum-Auth", "x-functions-key", "x-pm-partner-key", "X-VTEX-API-AppKey", "X-Octopus-ApiKey",
        "x-sonar-passcode", "x-chalk-client-secret", "cookie", "accesstoken", "api_key2", "mypass", "adminpass", "pswd",
        "bearer", "basic_auth", "client_key", "rsa_key", "sessionid", "session", "conn_str", "dsn", "userpass",
        "rootpw",
        "otp", "pin", "webhook_url", "signature", "contraseña", "Passwort", "X-Amz-Signature", ".dockerconfigjson",
        "additional_endpoints", "pass_old", "PASS_PROD", "communities", "webhooks", "psk", "creds", "REDISCLI_AUTH",
        "wsrep_sst_auth", "aes_key", "auth_string", "sas_url", "пароль",
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
        #"{"url":"http://host:8080/a@b"}"#, #"{"key":"a","key1":"b","keys":["c"],"host_key":"d"}"#,
        #"{"max_tokens":4096,"tokens_per_minute":1,"tls_private_key":"/etc/ssl/key.pem","auth":"basic"}"#,
        #"{"kerberos_auth":"required","password":"  ENC[x]\t","credentials_provider":"x"}"#,
        #"{"bypass_proxy":"x","pinned":"y","design":"z","session_timeout":"1"}"#, #"{"password_file":"/run/password"}"#,
        #"{"name":"HOST","value":"x"}"#, #"["--host","x","--password","--user"]"#, #"{"url":"mailto:a.b@example.com"}"#,
        #"{"node":"sk-worker-01.example.com","methods":["oauth","api_key","bearer"]}"#,
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
        (
            "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----********-----END CERTIFICATE-----"
        ),
        ("-----BEGIN RSA PRIVATE KEY-----\nMII", "-----BEGIN RSA PRIVATE KEY-----********"),
        ("no -----BEGIN CERTIFICATE----- line", "no -----BEGIN CERTIFICATE----- line"),
        ("\"simple.metric:44|g|@1.00000\"", "\"simple.metric:44|g|@1.00000\""), ("password:none", "password:none"),
        // Forms that give a secret away.
        ("/a/3290abeefc68e1bbe852a25252bad88c/b", "/a/********/b"),
        ("id b32bd6f9b73ba7ccb64953a04b82b48e", "id ********"),
        ("- aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbb,", "- ********,"),
        ("ddapp_0123456789012345678901234567890123", "********"), ("DDRCM_ABCDEFGHIJKLMNOPQRSTUVWX", "********"),
        ("x ghp_0123456789abcdefABCDEF y", "x ******** y"),
        ("a=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "a=********"),
        ("3d7ff7a0-5e6f-4f0e-9c3d-2b8f3c1d2e3f", "3d7ff7a0-5e6f-4f0e-9c3d-2b8f3c1d2e3f"),
        // Header fields, whatever the scheme.
        ("Authorization: Token s3cr3t x", "Authorization: Token ********"),
        ("Authorization: s3cr3t", "Authorization: ********"),
        ("sent Proxy-Authorization: NTLM s3cr3t", "sent Proxy-Authorization: NTLM ********"),
        ("Authorization: Digest username=\"u\", response=\"s3cr3t\"", "Authorization: Digest ********"),
        ("Authorization: AWS4-HMAC-SHA256 Credential=a, Signature=s3cr3t", "Authorization: AWS4-HMAC-SHA256 ********"),
        ("curl -H 'Authorization: Token s3cr3t x' http://h/", "curl -H 'Authorization: Token ********' http://h/"),
        ("Cookie: a=b; c=s3cr3t", "Cookie: ********"), ("Signature=s3cr3t", "Signature=********"),
        ("Bearer abcdefgh", "Bearer ********"), ("no Bearer token", "no Bearer token"),
        // YAML and JSON within a text.
        ("a: b\npassword: |\n  s3 cr\n  3t\nc: d", "a: b\npassword: |\n  ********\nc: d"),
        ("- token: >-\n    s3cr3t\n", "- token: >-\n    ********\n"),
        ("community_strings:\n- 's3'\n- 'cr3t'\nother: 1", "community_strings:\n********\nother: 1"),
        ("  community_strings: ['s3', 'cr3t']\nother: 1", "  community_strings: ********\nother: 1"),
        ("community_strings: [\n 's3]',\n 'cr3t']\nother: 1", "community_strings: ********\nother: 1"),
        ("password:\n  s3cr3t", "password:\n  ********"),
        ("auth_token:\n  reader:\n    type: file", "auth_token:\n  reader:\n    type: file"),
        ("mysql_password: s3 cr 3t", "mysql_password: ********"), ("mysql_password: 🔑 🔒 🔐", "mysql_password: ********"),
        ("{a: 1, password: s3 cr3t, b: 2", "{a: 1, password: ********, b: 2"),
        ("api_key: ENC[incomplete", "api_key: ********"),
        ("api_key: \"  ENC[key]\t\"", "api_key: \"  ENC[key]\t\""),
        ("x={\\\"password\\\":\\\"s3cr3t\\\"}", "x={\\\"password\\\":\\\"********\\\"}"),
        ("{\"name\":\"PASSWORD\",\"value\":\"s3cr3t\"}", "{\"name\":\"PASSWORD\",\"value\":\"********\"}"),
        ("env: name: DB_PASSWORD\nvalue: s3cr3t", "env: name: DB_PASSWORD\nvalue: ********"),
        ("[{\"a\":1,\"password\":12345}]", "[{\"a\":1,\"password\":\"********\"}]"), ("{ \"a\": 1 }", "{ \"a\": 1 }"),
        // The end of a value.
        ("pswd=a&b,c)d s", "pswd=******** s"), ("?password=s3cr3t&user=a", "?password=********&user=a"),
        ("password=s3cr3t, host=a", "password=********, host=a"), ("(password=s3cr3t)", "(password=********)"),
        ("password => 's3cr3t'", "password => '********'"), ("--mysql_password=s3cr3t", "--mysql_password=********"),
        ("AccountKey=s3cr3t==;Endpoint=x", "AccountKey=********;Endpoint=x"),
        // URLs and DSNs.
        ("postgres://u:s3 cr3t@h/db", "postgres://u:********@h/db"),
        ("'http://u:s3\"cr3t@h/'", "'http://u:********@h/'"),
        ("https://0123456789abcdefXYZ@host/", "https://********@host/"),
        ("https://user%3As3cr3t@host", "https://user%3A********@host"),
        ("https://h/?sig=s3cr3t&se=1", "https://h/?sig=********&se=1"),
        ("https://h/?key=s3cr3t&a=b", "https://h/?key=********&a=b"),
        ("//dd:s3cr3t@db/app", "//dd:********@db/app"), ("dsn=user:s3cr3t@tcp(db)/app", "dsn=********"),
        ("x=user:s3,cr3t@tcp(db)/app", "x=user:********@tcp(db)/app"),
        ("http://a:s3@b,http://c:cr3t@d", "http://a:********@b,http://c:********@d"),
        ("jdbc:oracle:thin:scott/s3cr3t@host:1521:x", "jdbc:oracle:thin:scott/********@host:1521:x"),
        ("jdbc:oracle:thin:scott/s3cr3t@//host", "jdbc:oracle:thin:scott/********@//host"),
        ("jdbc:mysql://u:s3cr3t@h/db", "jdbc:mysql://u:********@h/db"),
        // Commands and statements.
        ("run --password s3cr3t -x", "run --password ******** -x"),
        ("[\"--password\", \"s3cr3t\"]", "[\"--password\", \"********\"]"),
        ("args [\"--password\", \"s3cr3t\"]", "args [\"--password\", \"********\"]"),
        ("mysql -uroot -ps3cr3t! db", "mysql -uroot -p******** db"),
        ("sshpass -p s3cr3t ssh -p 22", "sshpass -p ******** ssh -p 22"),
        ("mkdir -p abc; psql -p 5432", "mkdir -p abc; psql -p 5432"),
        ("curl -u me:s3cr3t http://h", "curl -u me:******** http://h"),
        ("CREATE USER a IDENTIFIED BY 's3cr3t'", "CREATE USER a IDENTIFIED BY '********'"),
        ("WITH PASSWORD 's3cr3t'", "WITH PASSWORD '********'"),
        ("mysql -ps3cr3t", "mysql -p********"), ("redis-cli -h h -a s3cr3t", "redis-cli -h h -a ********"),
        ("java -password s3cr3t", "java -password ********"), ("mongo -port 27017", "mongo -port 27017"),
        ("requirepass s3cr3t", "requirepass ********"), ("SET x PASSWORD=N's3cr3t'", "SET x PASSWORD=N'********'"),
        // Other languages and formats.
        ("$c['password'] = 's3cr3t';", "$c['password'] = '********';"),
        ("define('DB_PASSWORD', 's3cr3t')", "define('DB_PASSWORD', '********')"),
        ("password = \"\"\"s3 \" cr3t\"\"\"", "password = \"\"\"********\"\"\""),
        ("password = b's3cr3t'", "password = b'********'"),
        ("Pwd={s3;cr}}3t};Server=x", "Pwd={********};Server=x"),
        ("<w:Password a=\"b\">s3cr3t</w:Password>", "<w:Password a=\"b\">********</w:Password>"),
        ("<password><![CDATA[s3<cr3t]]></password>", "<password><![CDATA[********]]></password>"),
        ("password: 'it''s s3cr3t'", "password: '********'"),
        ("password: |  # why\n  s3cr3t", "password: |  # why\n  ********"),
        ("password: !vault |\n  s3cr3t", "password: !vault |\n  ********"),
        ("password=ENC[x]s3cr3t", "password=********"),
        ("Authorization=Basic s3cr3t,a=b", "Authorization=Basic ********,a=b"),
        ("curl -H \"X-Token:s3cr3t\"", "curl -H \"X-Token:********\""),
        ("root:s3cr3t@/db?x=1", "root:********@/db?x=1"),
        ("kafka:9092@cluster and npm:@scope/pkg@1.2", "kafka:9092@cluster and npm:@scope/pkg@1.2"),
        ("https://hooks.slack.com/services/T0/B0/s3cr3t", "https://hooks.slack.com/********"),
        ("https://discord.com/api/webhooks/1/s3cr3t?x=y", "https://discord.com/api/webhooks/********"),
        (
            "npm_registry_requests_total sk-proj-request-latency-sum",
            "npm_registry_requests_total sk-proj-request-latency-sum"
        ),
        // Sentences of ours.
        ("cookie: not found", "cookie: not found"), ("Basic Auth failed", "Basic Auth failed"),
        ("bearer_token: is a number, not text", "bearer_token: is a number, not text"),
        ("auth_token: reading it failed", "auth_token: reading it failed"),
        ("--auth_token is not set", "--auth_token is not set"),
        ("instances[0].password: must be text", "instances[0].password: must be text"),
        ("/run/one.token: a token has 32 characters or more", "/run/one.token: a token has 32 characters or more"),
        ("--cluster_agent.auth_token: not set", "--cluster_agent.auth_token: not set"),
    ])
    func `a secret inside a text is masked`(text: String, expected: String) {
        #expect(Scrubbing.scrubbed(text) == expected)
    }

    @Test func `no text traps, and a masked text stays as it is`() {
        let dice = SeededEntropy(seed: 7)
        let pieces = [
            "password", "=", ":", "\"", "'", " ", "://", "@", "/", "?", "<", ">", "Bearer ", "Authorization: Token ",
            "-----BEGIN PRIVATE KEY-----", "-----END ", "-----", "ENC[x]", "a", "é", "\n", "\n  ", "- ", "token", "[",
            "]", "0123456789abcdef0123456789abcdef", "|", ",", "{", "}", "\\", "--password ", "name: token", "value",
            "mysql -p", "%3A", "&", ";", "1", "is", "jdbc:oracle:", "key=", "ghp_0123456789abcdef",
        ]
        for _ in 0..<2_500 {
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
