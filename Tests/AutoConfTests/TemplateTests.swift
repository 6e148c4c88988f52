import AutoConf
import CheckModel
import JSON
import Kubernetes
import Platform
import Testing

/// Templates as Services' annotations hold them, through the whole of AutoConf.
@Suite struct TemplateTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        let template: String
        /// The value as JSON, or nil with the error's text.
        let value: String?
        let error: String
        let clusterIP: String

        init(_ name: String, _ template: String, _ value: String, ip: String = "10.96.0.20") {
            (self.name, self.template, self.value, self.error, clusterIP) = (name, template, value, "", ip)
        }

        init(_ name: String, _ template: String, error: String, ip: String = "10.96.0.20") {
            (self.name, self.template, value, self.error, clusterIP) = (name, template, nil, error, ip)
        }

        var testDescription: String { name }
    }

    static let environment = [
        "NAME": "value", "NUMBER": "42", "NEGATIVE": "-7", "POSITIVE": "+7", "ZEROS": "007", "EIGHT": "08",
        "HEX": "0x1F",
        "OCTAL": "0o17", "BINARY": "-0b101", "GROUPS": "1_000", "BAD_GROUPS": "1__0", "ZERO": "0", "FLAG": "true",
        "OFF": "False", "T": "t", "YES": "yes", "FLOAT": "1.5", "BIG": "9223372036854775808",
        "LEAST": "-9223372036854775808", "EMPTY": "", "SPACE": " 1", "A_B": "under",
        "DD_CLUSTER_AGENT_AUTH_TOKEN": "secret", "DD_ENV": "prod", "PERCENT": "%%host%%", "SECRET": "ENC[handle]",
    ]

    static let rows = [
        Row("a host", "%%host%%", #""10.96.0.20""#),
        Row("the host of a network, of which there is only one", "%%host_anything%%", #""10.96.0.20""#),
        Row("a host in text", "http://%%host%%/", #""http://10.96.0.20/""#),
        Row("the last port is the highest, a number when it is all", "%%port%%", "9102"),
        Row("a port in text", "p%%port%%", #""p9102""#),
        Row("port 0 is the lowest", "%%port_0%%", "80"),
        Row("port 1", "%%port_1%%", "9102"),
        Row("a port by name", "%%port_http%%", "80"),
        Row("several variables", "http://%%host%%:%%port_http%%/%%env_NAME%%", #""http://10.96.0.20:80/value""#),
        Row("neighbours", "%%port_0%%%%port_1%%", #""809102""#),
        Row("an environment variable", "%%env_NAME%%", #""value""#),
        Row("an environment variable with an underscore", "%%env_A_B%%", #""under""#),
        Row("a number", "%%env_NUMBER%%", "42"),
        Row("a negative number", "%%env_NEGATIVE%%", "-7"),
        Row("a number in text stays text", "x%%env_NUMBER%%", #""x42""#),
        Row("a positive number", "%%env_POSITIVE%%", "7"),
        Row("zero", "%%env_ZERO%%", "0"),
        Row("a leading zero is octal, as base detection has it", "%%env_ZEROS%%", "7"),
        Row("what is not octal then is text", "%%env_EIGHT%%", #""08""#),
        Row("a hexadecimal number", "%%env_HEX%%", "31"),
        Row("an octal number", "%%env_OCTAL%%", "15"),
        Row("a negative binary number", "%%env_BINARY%%", "-5"),
        Row("a number with groups", "%%env_GROUPS%%", "1000"),
        Row("a number with an empty group is text", "%%env_BAD_GROUPS%%", #""1__0""#),
        Row("the least number", "%%env_LEAST%%", "-9223372036854775808"),
        Row("a number of more than 64 bits stays text", "%%env_BIG%%", #""9223372036854775808""#),
        Row("a fraction stays text", "%%env_FLOAT%%", #""1.5""#),
        Row("a number after a space stays text", "%%env_SPACE%%", #"" 1""#),
        Row("true", "%%env_FLAG%%", "true"),
        Row("false", "%%env_OFF%%", "false"),
        Row("a boolean of one letter", "%%env_T%%", "true"),
        Row("what is a boolean only in YAML stays text", "%%env_YES%%", #""yes""#),
        Row("a boolean in text stays text", "is %%env_FLAG%%", #""is true""#),
        Row("a secret's handle", "ENC[password]", #""ENC[password]""#),
        Row(
            "a secret's handle with a path", "ENC[k8s_secret@shop/db/pass%word]",
            #""ENC[k8s_secret@shop/db/pass%word]""#),
        Row("a secret's handle from the environment", "%%env_SECRET%%", #""ENC[handle]""#),
        Row("an empty value", "a%%env_EMPTY%%b", #""ab""#),
        Row("a value is not resolved again", "%%env_PERCENT%%", #""%%host%%""#),
        Row("of the agent's own variables those that are no secret", "%%env_DD_ENV%%", #""prod""#),

        Row("no variable", "plain", #""plain""#),
        Row("an empty text", "", #""""#),
        Row("a percent sign", "100%", #""100%""#),
        Row("two percent signs", "100%%", #""100%%""#),
        Row(
            "two percent signs that no others follow", #"password:"complex%%password""#,
            #""password:\"complex%%password\"""#),
        Row("percent signs left over after a variable", "%%host%%%%", #""10.96.0.20%%""#),
        Row("two pairs with nothing between", "%%%%", #""%%%%""#),
        Row("two pairs with nothing between, then a host", "%%%%host%%", #""%%10.96.0.20""#),
        Row("a line break between", "%%a\nb%%", #""%%a\nb%%""#),
        Row(
            "a carriage return between is part of the name", "%%a\rb%%",
            error: "%%(3 bytes that are no name)%%: unknown variable"),
        Row("a combining mark after a variable", "%%host%%\u{301}", "\"10.96.0.20\u{301}\""),
        Row("a combining mark before a variable's end", "%%host_\u{301}%%", #""10.96.0.20""#),
        Row("IPv6 before a colon with a combining mark", "%%host%%:\u{301}", "\"[fd00::1]:\u{301}\"", ip: "fd00::1"),
        Row("non-ASCII around", "é%%host%%日", #""é10.96.0.20日""#),

        Row("IPv6 alone", "%%host%%", #""fd00::1""#, ip: "fd00::1"),
        Row("IPv6 in a URL", "http://%%host%%/a:b", #""http://[fd00::1]/a:b""#, ip: "fd00::1"),
        Row("IPv6 in a URL with a port", "https://%%host%%:%%port_0%%", #""https://[fd00::1]:80""#, ip: "fd00::1"),
        Row("IPv6 after user information", "redis://u:p@%%host%%", #""redis://u:p@[fd00::1]""#, ip: "fd00::1"),
        Row("IPv6 with a port and no scheme", "%%host%%:%%port_0%%", #""[fd00::1]:80""#, ip: "fd00::1"),
        Row("IPv6 in brackets already", "http://[%%host%%]:80", #""http://[fd00::1]:80""#, ip: "fd00::1"),
        Row("IPv6 in a path", "http://x/%%host%%", #""http://x/fd00::1""#, ip: "fd00::1"),
        Row("IPv6 in a query", "http://x?h=%%host%%", #""http://x?h=fd00::1""#, ip: "fd00::1"),
        Row("IPv6 in text", "host %%host%% is up", #""host fd00::1 is up""#, ip: "fd00::1"),
        Row("IPv6 in a list of URLs", "http://a/,http://%%host%%/", #""http://a/,http://[fd00::1]/""#, ip: "fd00::1"),
        Row("IPv4 gets no brackets", "http://%%host%%:80", #""http://10.96.0.20:80""#),

        Row(
            "a headless Service", "%%host%%", error: "%%host%%: the Service is headless, it has no cluster IP",
            ip: "None"),
        Row("a Service without address", "%%host%%", error: "%%host%%: the Service has no cluster IP", ip: ""),
        Row("a headless Service's port", "%%port_0%%", "80", ip: "None"),
        Row("a port beyond the last", "%%port_2%%", error: "%%port_2%%: the Service has 2 ports, counted from 0"),
        Row("a negative port", "%%port_-1%%", error: "%%port_-1%%: the Service has 2 ports, counted from 0"),
        Row("an unknown port", "%%port_web%%", error: "%%port_web%%: the Service's ports are http, metrics"),
        Row("an unknown variable", "a %%what%% b", error: "%%what%%: unknown variable"),
        Row("an unknown variable with a parameter", "%%what_x%%", error: "%%what_x%%: unknown variable"),
        Row("a name with a trailing underscore", "%%port_%%", error: "%%port_%%: unknown variable"),
        Row("the name of a variable is as it is written", "%%HOST%%", error: "%%HOST%%: unknown variable"),
        Row("pid", "%%pid%%", error: "%%pid%%: not supported for Services"),
        Row("hostname", "%%hostname%%", error: "%%hostname%%: not supported for Services"),
        Row("kube", "%%kube_namespace%%", error: "%%kube_namespace%%: not supported for Services"),
        Row("extra", "%%extra_x%%", error: "%%extra_x%%: not supported for Services"),
        Row(
            "a missing variable", "%%env_NONE%%",
            error: "%%env_NONE%%: environment variable NONE is not set in the cluster-agent"),
        Row("no variable's name", "%%env%%", error: "%%env%%: the name of the environment variable is missing"),
        Row(
            "the agent's own secret", "%%env_DD_CLUSTER_AGENT_AUTH_TOKEN%%",
            error:
                "%%env_DD_CLUSTER_AGENT_AUTH_TOKEN%%: environment variable DD_CLUSTER_AGENT_AUTH_TOKEN is not allowed (ad_allowed_env_vars)"
        ),
    ]

    @Test(arguments: rows)
    func `a template is resolved`(_ row: Row) throws {
        let fixture = Fixture(AutoConfOptions(watchesServices: true), environment: Self.environment)
        let checks = JSONValue.object(["a": .object(["instances": .array([.object(["x": .string(row.template)])])])])
        let text = String(decoding: checks.encoded(), as: UTF8.self)
        fixture.autoConf.handle(.applied(service(["checks": text], clusterIP: row.clusterIP)))
        if let value = row.value {
            let resolved = try #require(fixture.configs.first?.instances.first?["x"])
            #expect(texts([resolved]) == [value])
            #expect(fixture.problems.isEmpty)
        } else {
            #expect(fixture.configs.isEmpty)
            #expect(fixture.problems == ["kube_service://shop/web: a[0] is not scheduled: \(row.error)"])
        }
    }

    @Test func `a Service without ports has no port variables`() {
        let fixture = Fixture(AutoConfOptions(watchesServices: true))
        fixture.autoConf.handle(
            .applied(service(["checks": #"{"a":{"instances":[{"p":"%%port%%"}]}}"#], ports: [])))
        #expect(
            fixture.problems == ["kube_service://shop/web: a[0] is not scheduled: %%port%%: the Service has no ports"])
    }

    @Test func `variables are resolved in values at any depth and not in keys`() throws {
        let fixture = Fixture(AutoConfOptions(watchesServices: true))
        let checks =
            #"{"a":{"init_config":{"i":"%%host%%"},"instances":[{"%%host%%":[{"deep":["%%port%%",1.50,null]}]}],"logs":[{"l":"%%port_0%%"}]}}"#
        fixture.autoConf.handle(.applied(service(["checks": checks, "ignore_autodiscovery_tags": "true"])))
        let config = try #require(fixture.configs.first)
        #expect(config.initConfig == .object(["i": .string("10.96.0.20")]))
        #expect(config.logs == .array([.object(["l": .integer(80)])]))
        #expect(
            texts(config.instances)
                == [#"{"%%host%%":[{"deep":[9102,1.50,null]}],"tags":["kube_namespace:shop","kube_service:web"]}"#])
    }

    static let access: [(options: AutoConfOptions, variable: String, isResolved: Bool)] = [
        (AutoConfOptions(), "NAME", true),
        (AutoConfOptions(refusesEnvironment: true), "NAME", false),
        (AutoConfOptions(allowedEnvironment: ["name"]), "NAME", true),
        (AutoConfOptions(allowedEnvironment: ["NAME"]), "NUMBER", false),
        (AutoConfOptions(allowedEnvironment: ["DD_CLUSTER_AGENT_AUTH_TOKEN"]), "DD_CLUSTER_AGENT_AUTH_TOKEN", true),
        (AutoConfOptions(allowedEnvironment: ["NAME"], refusesEnvironment: true), "NAME", false),
    ]

    @Test(arguments: access)
    func `the options decide which environment variables a template may use`(
        _ row: (options: AutoConfOptions, variable: String, isResolved: Bool)
    ) {
        var options = row.options
        options.watchesServices = true
        let fixture = Fixture(options, environment: Self.environment)
        fixture.autoConf.handle(
            .applied(service(["checks": #"{"a":{"instances":[{"x":"%%env_\#(row.variable)%%"}]}}"#])))
        #expect(fixture.configs.count == (row.isResolved ? 1 : 0))
        #expect(fixture.problems.count == (row.isResolved ? 0 : 1))
    }
}
