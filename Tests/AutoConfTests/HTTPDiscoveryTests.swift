import CheckModel
import JSON
import Platform
import TestKit
import Testing

@testable import AutoConf

/// `prometheus_http_sd.…`: what the options say, and what becomes of targets.
@Suite struct HTTPDiscoveryTests {
    static let template =
        #"{"name":"openmetrics","instances":[{"openmetrics_endpoint":"http://%%host%%:%%port%%/metrics","tags":["team:shop"]}]}"#

    private static func quoted(_ text: String) -> String {
        String(decoding: JSONValue.string(text).encoded(), as: UTF8.self)
    }

    static func one(_ url: String = "http://sd/", template: String = template) throws -> HTTPDiscovery {
        try HTTPDiscovery.all(configs: "", url: url, template: template)[0]
    }

    private static func configs(_ answer: String, template: String = template) throws -> [CheckConfig] {
        let targets = try DiscoveredTargets(parsing: Array(answer.utf8)).all
        var bound = BoundConfigs(limit: .ofDiscovery(AutoConfOptions()), room: .max, keepsLast: false)
        try one(template: template).bind(targets, into: &bound)
        return bound.configs
    }

    @Test func `entries are texts or objects, in JSON or YAML, after the older form of one`() throws {
        let configs = """
            - url: https://b/x?y=1
              check_template: |
                {"name": "http_check", "init_config": {"timeout": 3}, "instances": [{"url": "http://%%host%%"}]}
            - {url: "https://b/x?y=1", check_template: {name: tcp_check, instances: [{host: "%%host%%"}]}}
            """
        let entries = try HTTPDiscovery.all(configs: configs, url: "http://a/", template: Self.template)
        #expect(entries.map(\.url) == ["http://a/", "https://b/x?y=1", "https://b/x?y=1"])
        #expect(
            entries.map(\.object) == [
                "prometheus_http_sd:http://a/", "prometheus_http_sd:https://b/x?y=1",
                "prometheus_http_sd:https://b/x?y=1#2",
            ])
        #expect(try HTTPDiscovery.all(configs: " ", url: "", template: "").isEmpty)
    }

    static let refused: [(configs: String, url: String, template: String, reason: String)] = [
        ("", "http://a", "", "prometheus_http_sd.url and prometheus_http_sd.check_template belong together"),
        ("", "ftp://a", template, "prometheus_http_sd.url is not a URL that begins with http:// or https://"),
        ("", "http://a b", template, "prometheus_http_sd.url is not a URL"),
        ("", "http://u:s3cr3t@a/", template, "prometheus_http_sd.url has a user or a password, which would be shown"),
        ("", "http://a", "{", "prometheus_http_sd.check_template: line 1"),
        ("", "http://a", #"{"instances":[{}]}"#, "prometheus_http_sd.check_template: name is missing"),
        (
            "", "http://a", #"{"name":"x","instances":[{},{}]}"#,
            "prometheus_http_sd.check_template.instances is not a list of one"
        ),
        ("", "http://a", #"{"name":"x"}"#, "prometheus_http_sd.check_template.instances is not a list of one object"),
        (
            "", "http://a", #"{"name":"x","instances":[{"tags":"a"}]}"#,
            "prometheus_http_sd.check_template.instances[0].tags"
        ),
        (
            "", "http://a", #"{"name":"x","instances":[{}],"logs":[]}"#,
            "prometheus_http_sd.check_template: unknown key logs"
        ),
        (
            "", "http://a", #"{"name":"x","instances":[{"headers":{"Host":"%%host%%"}}]}"#,
            "prometheus_http_sd.check_template: %%host%% is replaced only in strings of the instance itself"
        ),
        ("{}", "", "", "prometheus_http_sd.configs: an object, not a list"),
        ("[{}]", "", "", "prometheus_http_sd.configs: [0]: url is missing"),
        (#"[{"url":"http://a"}]"#, "", "", "prometheus_http_sd.configs: [0].check_template is missing"),
        (
            #"[{"url":"http://a","check_template":{},"exclude_filter":"true"}]"#, "", "",
            "prometheus_http_sd.configs: [0].exclude_filter is not supported"
        ),
        (
            #"[{"url":"http://a","check_template":{"name":"x","instances":[{}]},"s":"s3cr3t"}]"#, "", "",
            "prometheus_http_sd.configs: [0]: unknown key s"
        ),
    ]

    @Test(arguments: refused)
    func `what cannot be followed is refused by name`(
        configs: String, url: String, template: String, reason: String
    ) {
        let error = #expect(throws: AutoConfError.self) {
            try HTTPDiscovery.all(configs: configs, url: url, template: template)
        }
        #expect(error?.description.hasPrefix(reason) == true, "\(error?.description ?? "")")
        #expect(error?.description.contains("s3cr3t") == false)
    }

    @Test func `each target is a config with the tags of its labels`() throws {
        let answer = """
            [{"targets": ["b:2", "a:1"], "labels": {"env": "prod", "__meta_zone": "z1", "__scheme__": "https", "app": "x"}},
             {"targets": ["c:3"]}, {"targets": [], "labels": {}}, {"labels": null, "targets": null}, {"more": [1]}]
            """
        let configs = try Self.configs(answer)
        #expect(
            configs.map(\.key.description) == [
                "prometheus_http_sd:http://sd/#openmetrics#a:1#0", "prometheus_http_sd:http://sd/#openmetrics#b:2#0",
                "prometheus_http_sd:http://sd/#openmetrics#c:3#0",
            ])
        let first = try #require(configs.first)
        #expect(
            texts(first.instances) == [
                #"{"openmetrics_endpoint":"http://a:1/metrics","tags":["app:x","env:prod","team:shop","zone:z1"]}"#
            ])
        #expect(first.provider == "prometheus_http_sd" && first.source == "prometheus_http_sd:http://sd/")
        #expect(first.clusterCheck && first.initConfig == .object([:]) && first.serviceID.isEmpty)
        // Labels are no part of the key, and equal targets are told apart.
        #expect(
            try Self.configs(#"[{"targets":["a:1"],"labels":{"x":"2"}},{"targets":["a:1"],"labels":{"x":"1"}}]"#)
                .map { "\($0.key.index) \(texts($0.instances)[0].contains("x:1"))" } == ["0 true", "1 false"])
    }

    static let addresses: [(target: String, text: String)] = [
        ("a:1", "http://a:1/ a 1 %%env_X%%"), ("10.0.0.1:65535", "http://10.0.0.1:65535/ 10.0.0.1 65535 %%env_X%%"),
        ("[::1]:9", "http://[::1]:9/ ::1 9 %%env_X%%"), ("host", "http://host:/ host  %%env_X%%"),
        ("http://my:8/metrics", "http://http://my:8/metrics:/ http://my:8/metrics  %%env_X%%"),
        ("a:http", "http://a:http:/ a:http  %%env_X%%"), ("a:0", "http://a:0:/ a:0  %%env_X%%"),
        ("::1", "http://[::1]:/ ::1  %%env_X%%"), ("%%env_X%%:1", "http://%%env_X%%:1/ %%env_X%% 1 %%env_X%%"),
    ]

    @Test(arguments: addresses)
    func `host and port are replaced in strings, which stay strings`(target: String, text: String) throws {
        let template =
            #"{"name":"x","instances":[{"t":"http://%%host%%:%%port%%/ %%host%% %%port%% %%env_X%%","h":"%%host%%","p":"%%port%%","n":[1,"x"]}]}"#
        let instance = try #require(
            try Self.configs(#"[{"targets":[\#(Self.quoted(target))]}]"#, template: template).first?.instances.first)
        #expect(instance["t"]?.stringValue == text)
        #expect(instance["h"]?.stringValue != nil && instance["p"]?.stringValue != nil, "\(texts([instance]))")
    }

    @Test(arguments: [
        "", "<html></html>", "{}", "null", "[null]", "[1]", #"[{"targets":["a:1"]}"#, #"[{"targets":"a:1"}]"#,
        #"[{"targets":[1]}]"#, #"[{"targets":[null]}]"#, #"[{"targets":[""]}]"#, #"[{"targets":["a:1"],"labels":[]}]"#,
        #"[{"targets":["a:1"],"labels":{"a":1}}]"#, "[{}] x", "[" + String(repeating: "{},", count: 20_000) + "{}]",
        #"[{"targets":["# + String(repeating: "\"a\",", count: 20_000) + #""a"]}]"#,
        #"[{"targets":["# + String(repeating: "\"a\",", count: 19_999) + #""a"]},{"targets":["b"]}]"#,
    ])
    func `an answer that is no list of targets is refused as a whole`(answer: String) {
        #expect(throws: JSONError.self) { try DiscoveredTargets(parsing: Array(answer.utf8)) }
    }

    @Test func `configs beyond the limit are left out, and told`() throws {
        var options = AutoConfOptions()
        options.maximumBytesPerDiscovery = 30_000
        let targets = (0..<50).map { DiscoveredTarget("t\(zeroPadded($0, width: 2)):1", tags: []) }
        var bound = BoundConfigs(limit: .ofDiscovery(options), room: .max, keepsLast: false)
        try Self.one().bind(targets.reversed(), into: &bound)
        #expect((20..<30).contains(bound.configs.count) && bound.configs.first?.key.entry == "t00:1")
        #expect(bound.problems(of: "o").first?.reason.contains("of its 50 configs are left out") == true)
    }
}
