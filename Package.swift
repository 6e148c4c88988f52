// swift-tools-version: 6.2
import PackageDescription

// Every upcoming feature and strict memory safety, on every target, tests included. Warnings are errors in `make check` and
// `make test`, not here: a newer compiler's new warning must not break a user's build.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .enableUpcomingFeature("ImmutableWeakCaptures"),
    .strictMemorySafety(),
]

func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func executable(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], excluding: [String] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, exclude: excluding, swiftSettings: settings)
}

let package = Package(
    name: "cluster-agent",
    products: [
        .executable(name: "cluster-agent", targets: ["cluster-agent"]),
        .executable(name: "node-agent", targets: ["node-agent"]),
    ],
    targets: [
        // Level 0. CLinux has no library: it holds the inline functions for what Glibc's module lacks (epoll, accept4).
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        library("Platform", ["CLinux"]),
        // Level 1.
        library("JSON", ["Platform"]),
        library("Leadership", ["Platform"]),
        library("YAML", ["JSON", "Platform"]),
        library("HTTPClient", ["CCurl", "COpenSSL", "Platform"]),
        library("HTTPServer", ["COpenSSL", "Platform"]),
        library("TLSClient", ["COpenSSL", "Platform"]),
        // Level 2.
        library("Kubernetes", ["HTTPClient", "Leadership", "YAML", "JSON", "Platform"]),
        library("CheckModel", ["CheckOptions", "YAML", "JSON", "Platform"]),
        library("CheckOptions", ["JSON", "Platform"]),
        // Level 3.
        library("ClusterChecks", ["Leadership", "CheckModel", "JSON", "Platform"]),
        library("AutoConf", ["Kubernetes", "CheckModel", "YAML", "JSON", "Platform"]),
        // Level 4.
        library(
            "Replica",
            [
                "AutoConf", "ClusterChecks", "Kubernetes", "CheckModel", "CheckOptions", "HTTPServer", "Leadership",
                "JSON",
                "Platform",
            ]),
        library(
            "NodeAgent",
            ["HTTPClient", "HTTPServer", "TLSClient", "CheckModel", "CheckOptions", "JSON", "Platform"]),
        library(
            "ClusterAgent",
            [
                "Replica", "AutoConf", "ClusterChecks", "CheckModel", "CheckOptions", "Kubernetes", "HTTPServer",
                "HTTPClient", "Leadership", "YAML", "JSON", "Platform",
            ]),
        // Level 5.
        executable("cluster-agent", ["ClusterAgent"]),
        executable("node-agent", ["NodeAgent"]),
        // What DESIGN §11 budgets: `make benchmark` prints times, BenchmarkTests gate counts.
        executable(
            "Benchmarks",
            [
                "Replica", "AutoConf", "ClusterChecks", "CheckModel", "Kubernetes", "HTTPServer", "Leadership", "JSON",
                "Platform",
            ]),
        // Only tests use it.
        library(
            "Simulation",
            [
                "Replica", "NodeAgent", "AutoConf", "ClusterChecks", "CheckModel", "Kubernetes", "HTTPServer",
                "Leadership",
                "JSON", "Platform",
            ]),
        // What any test may use; TestSupport starts the programs and what they talk to.
        .target(
            name: "TestKit", dependencies: ["JSON", "Platform"], path: "Tests/TestKit", swiftSettings: settings),
        .target(
            name: "TestSupport", dependencies: ["TestKit", "HTTPClient", "CheckModel", "JSON", "Platform"],
            path: "Tests/TestSupport", swiftSettings: settings),
        tests("PlatformTests", ["TestKit", "Platform"]),
        tests("HTTPServerTests", ["TestKit", "HTTPServer", "COpenSSL", "Platform"]),
        tests("HTTPClientTests", ["TestSupport", "TestKit", "HTTPClient", "HTTPServer", "Platform"]),
        tests(
            "KubernetesTests", ["TestKit", "Kubernetes", "HTTPClient", "HTTPServer", "Leadership", "JSON", "Platform"],
            excluding: ["golden"]),
        tests("JSONTests", ["TestKit", "JSON", "Platform"]),
        tests("YAMLTests", ["TestKit", "YAML", "JSON", "Platform"]),
        tests("CheckOptionsTests", ["TestKit", "CheckOptions", "JSON", "Platform"]),
        tests("CheckModelTests", ["TestKit", "CheckModel", "JSON", "Platform"]),
        tests("AutoConfTests", ["TestKit", "AutoConf", "Kubernetes", "CheckModel", "JSON", "Platform"]),
        tests("ClusterChecksTests", ["TestKit", "ClusterChecks", "Leadership", "CheckModel", "JSON", "Platform"]),
        tests(
            "ReplicaTests",
            [
                "TestKit", "Simulation", "Replica", "ClusterChecks", "Kubernetes", "Leadership", "CheckModel",
                "HTTPServer", "JSON", "Platform",
            ]),
        tests(
            "NodeAgentTests",
            [
                "TestSupport", "TestKit", "NodeAgent", "HTTPClient", "HTTPServer", "CheckModel", "CheckOptions", "JSON",
                "Platform",
            ]),
        tests(
            "SimulationTests",
            [
                "Simulation", "Replica", "NodeAgent", "ClusterChecks", "CheckModel", "Kubernetes", "HTTPServer",
                "Leadership", "JSON", "Platform",
            ]),
        tests(
            "AcceptanceTests",
            [
                "cluster-agent", "node-agent", "NodeAgent", "TestSupport", "TestKit", "HTTPClient", "CheckModel",
                "CheckOptions", "YAML", "JSON", "Platform",
            ],
            excluding: ["clients"]),
        tests("BenchmarkTests", ["Benchmarks", "TestSupport", "TestKit", "Platform"]),
        tests("FuzzTests", ["TestSupport", "Platform"]),
        tests(
            "IntegrationTests",
            [
                "cluster-agent", "node-agent", "NodeAgent", "TestSupport", "TestKit", "Kubernetes", "HTTPClient",
                "CheckModel", "JSON", "Platform",
            ],
            excluding: ["clients"]),
        tests(
            "ManifestTests", ["TestSupport", "TestKit", "CheckModel", "JSON", "Platform"],
            excluding: ["rules.py", "manifests.py", "tests"]),
        tests("RepositoryTests", ["TestSupport", "ClusterAgent", "NodeAgent", "Platform"]),
    ]
)
