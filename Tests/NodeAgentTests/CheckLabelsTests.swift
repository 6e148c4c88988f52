import Testing

@testable import NodeAgent

/// What names an instance to people in metrics.
@Suite struct CheckLabelsTests {
    @Test(arguments: [
        (#"{"name":"db","tags":["kube_namespace:shop","team:x","kube_service:front"]}"#, ["shop", "front", "db"]),
        (#"{"tags":["kube_namespace:a","kube_namespace:b",1]}"#, ["a", "", ""]),
        (#"{"name":1,"tags":"kube_namespace:a"}"#, ["", "", ""]), ("[]", ["", "", ""]), ("{", ["", "", ""]),
    ])
    func `they are the instance's name and two of its tags`(instance: String, labels: [String]) {
        let found = CheckLabels(Array(instance.utf8))
        #expect([found.namespace, found.service, found.name] == labels)
    }

    @Test func `a long value is cut`() {
        let labels = CheckLabels(Array(#"{"name":"\#(String(repeating: "x", count: 10_000))"}"#.utf8))
        #expect(labels.name.utf8.count <= 128 && labels.name.hasPrefix("xxxx"))
    }
}
