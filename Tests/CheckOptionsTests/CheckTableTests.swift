import JSON
import Platform
import TestKit
import Testing

@testable import CheckOptions

@Suite struct CheckTableTests {
    @Test func `the README's tables are those of the code`() throws {
        let folder = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let path = "\(folder)/Sources/CHECKS.md"
        let text = String(decoding: try readFile(path, atMost: 1 << 20), as: UTF8.self)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).drop { !$0.hasPrefix("## ") }
        #expect(lines.joined(separator: "\n") == CheckTable.markdown, "the tables are now:\n\(CheckTable.markdown)")
    }

    /// The keys that upstream documents, of `conf.yaml.example` of http_check, tcp_check, openmetrics and tls.
    @Test(arguments: [
        (
            "http_check",
            [
                "url", "method", "data", "content_match", "reverse_content_match", "days_warning", "tls_ciphers",
                "auth_token",
            ]
        ),
        (
            "tls",
            ["server", "port", "transport", "local_cert_path", "server_hostname", "allowed_versions", "start_tls"]
        ),
        ("tcp_check", ["host", "port", "timeout", "multiple_ips", "ip_cache_duration", "collect_response_time"]),
        (
            "openmetrics",
            ["prometheus_url", "prometheus_timeout", "bearer_token_auth", "label_joins", "service", "tags"]
        ),
    ])
    func `a documented option is not unknown`(check: String, keys: [String]) throws {
        let members = Dictionary(uniqueKeysWithValues: keys.map { (ExactText($0), JSONValue.null) })
        let table = try #require(CheckTable.table(of: check, members))
        #expect(table.unknownKeys(members, in: .instance) == [])
    }

    @Test(arguments: [
        ("tiemout", ", do you mean timeout?"), ("contentmatch", ", do you mean content_match?"),
        ("URL", ", do you mean url?"),
        ("tls-verify", ", do you mean tls_verify?"), ("zzz", ""), ("a b", ""), ("ca_cert", ", do you mean ca_certs?"),
    ])
    func `an unknown option is told with the nearest one`(key: String, nearest: String) throws {
        let members: [ExactText: JSONValue] = [ExactText(key): .bool(true)]
        let table = try #require(CheckTable.table(of: "http_check", members))
        #expect(table.unknownKeys(members, in: .instance) == ["unknown option \(shownName(key))\(nearest)"])
    }

    @Test func `no option is in a table twice with two meanings but those that a check takes its own way`() {
        for table in CheckTable.all {
            var first: [ExactText: CheckOption] = [:]
            for option in table.options {
                guard let other = first[ExactText(option.key)] else {
                    first[ExactText(option.key)] = option
                    continue
                }
                #expect(
                    ["tls_verify", "timeout", "tls_validate_hostname"].contains(option.key)
                        && other.treatment == .followed, "\(option.key)")
            }
        }
    }
}
