import HTTPClient
import Platform
import TestKit
import Testing

@testable import Kubernetes

private let clock = SystemClock()
/// The least that is taken for a whole certificate.
let certificate = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----"

/// What `body` says about a configuration that it refuses; nil if it takes it.
func refusal(_ body: () throws -> KubernetesConfiguration) -> String? {
    do {
        _ = try body()
        return nil
    } catch {
        return "\(error)"
    }
}

@Suite struct InClusterConfigurationTests {
    private static let environment = ["KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"]

    private static func serviceAccount(without missing: String = "") throws -> TemporaryDirectory {
        let folder = try TemporaryDirectory()
        let files = ["ca.crt": certificate, "token": " secret\n", "namespace": "agents\n"]
        for (name, text) in files where name != missing { try folder.write(name, text) }
        return folder
    }

    @Test func `in a pod the server, token and namespace are found`() throws {
        let folder = try Self.serviceAccount()
        let configuration = try KubernetesConfiguration.inCluster(
            environment: Self.environment, directory: folder.path, clock: clock)
        #expect(configuration.server == "https://10.96.0.1:443")
        #expect(configuration.token?.text == "secret")
        #expect(configuration.namespace == "agents")
        #expect(configuration.trust.caPEM == Array(certificate.utf8))
    }

    @Test func `an IPv6 address is bracketed`() throws {
        let folder = try Self.serviceAccount()
        let environment = ["KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"]
        let configuration = try KubernetesConfiguration.inCluster(
            environment: environment, directory: folder.path, clock: clock)
        #expect(configuration.server == "https://[fd00::1]:6443")
    }

    @Test func `the namespace is that of the environment, else of the file, else default`() throws {
        let folder = try Self.serviceAccount(without: "namespace")
        var environment = Self.environment
        let byDefault = try KubernetesConfiguration.inCluster(
            environment: environment, directory: folder.path, clock: clock)
        #expect(byDefault.namespace == "default")
        environment["POD_NAMESPACE"] = "given"
        let given = try KubernetesConfiguration.inCluster(
            environment: environment, directory: folder.path, clock: clock)
        #expect(given.namespace == "given")
    }

    @Test(arguments: ["ca.crt", "token"])
    func `a missing file is named`(name: String) throws {
        let folder = try Self.serviceAccount(without: name)
        let reason = refusal {
            try .inCluster(environment: Self.environment, directory: folder.path, clock: clock)
        }
        #expect(
            reason == "unable to load in-cluster configuration: \(folder.path)/\(name): No such file or directory")
    }

    @Test(arguments: ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"])
    func `outside a pod the error says what is missing`(name: String) {
        var environment = Self.environment
        environment[name] = ""
        let reason = refusal { try .inCluster(environment: environment, clock: clock) }
        #expect(reason?.contains("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set") == true)
    }
}
