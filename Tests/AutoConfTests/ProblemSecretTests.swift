import Kubernetes
import TestKit
import Testing

@testable import AutoConf

/// A problem is in the state, in every replica's log and in an Event, which more people may read than the object.
@Suite struct ProblemSecretTests {
    private static let secret = "S3cr3t-value"

    @Test(arguments: [
        ["instances": #"["postgres://dd:S3cr3t-value@db/app"]"#, "check_names": #"["a"]"#, "init_configs": "[{}]"],
        ["checks": "S3cr3t-value"], ["checks": #"{"a": {"instances": "S3cr3t-value"}}"#],
        ["checks": #"{"a": {"instances": [{}], "check_tag_cardinality": "S3cr3t-value"}}"#],
        ["checks": #"{"a": {"instances": [{}], "ignore_autodiscovery_tags": "S3cr3t-value"}}"#],
        ["checks": #"{"a": {"instances": [{"tags": "S3cr3t-value"}]}}"#],
        ["checks": #"{"a": {"instances": [{"p": "S3cr3t-value"}], "init_config": "S3cr3t-value"}}"#],
        ["checks": #"{"a": {"instances": [{"p": S3cr3t-value}]}}"#],
        ["logs": #"{"p": "S3cr3t-value"}"#, "checks": "{}"],
        ["check_names": #"[{"p": "S3cr3t-value"}]"#, "instances": "[{}]", "init_configs": "[{}]"],
        ["check_names": "S3cr3t-value", "instances": "[{}]", "init_configs": "[{}]"],
        [
            "check_names": #"["a"]"#, "instances": "[{}]", "init_configs": "[{}]",
            "ignore_autodiscovery_tags": "S3cr3t-value",
        ],
        ["check_names": #"["a"]"#, "instances": "[{}]", "init_configs": #"["S3cr3t-value"]"#],
    ])
    func `no reason quotes a value of an annotation`(annotations: [String: String]) {
        let fixture = Fixture(AutoConfOptions(watchesServices: true))
        fixture.autoConf.handle(.replaced([service(annotations)]))
        let reasons = fixture.autoConf.problems.map(\.description)
        #expect(!reasons.isEmpty)
        #expect(!reasons.contains { $0.contains(Self.secret) }, "\(reasons)")
        #expect(!fixture.recorder.values(of: "reason").contains { $0.contains(Self.secret) })
    }
}
