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
        library("HTTPClient", ["CCurl", "Platform"]),
        library("HTTPServer", ["COpenSSL", "Platform"]),
        // Level 2.
        library("Kubernetes", ["HTTPClient", "Platform"]),
        library("CheckModel", ["Platform"]),
        // Level 3.
        library("ClusterChecks", ["CheckModel", "Platform"]),
        library("AutoConf", ["Kubernetes", "CheckModel", "Platform"]),
        // Level 4.
        library("NodeAgentAPI", ["ClusterChecks", "CheckModel", "HTTPServer", "Platform"]),
        library("NodeAgent", ["HTTPClient", "HTTPServer", "CheckModel", "Platform"]),
        library(
            "ClusterAgent",
            [
                "NodeAgentAPI", "AutoConf", "ClusterChecks", "CheckModel", "Kubernetes", "HTTPServer", "HTTPClient",
                "Platform",
            ]),
        // Level 5.
        executable("cluster-agent", ["ClusterAgent"]),
        executable("node-agent", ["NodeAgent"]),
        // What DESIGN §11 budgets: `make benchmark` prints times, BenchmarkTests gate counts.
        executable("Benchmarks", ["NodeAgentAPI", "ClusterChecks", "CheckModel", "HTTPServer", "Platform"]),
        // Only tests use it.
        library(
            "Simulation",
            ["NodeAgentAPI", "NodeAgent", "ClusterChecks", "CheckModel", "Kubernetes", "HTTPServer", "Platform"]),
        .target(
            name: "TestSupport", dependencies: ["HTTPClient", "CheckModel", "Platform"], path: "Tests/TestSupport",
            swiftSettings: settings),
        tests("PlatformTests", ["Platform"]),
        tests("HTTPServerTests", ["HTTPServer", "COpenSSL", "Platform"]),
        tests("HTTPClientTests", ["TestSupport", "HTTPClient", "HTTPServer", "Platform"]),
        tests(
            "KubernetesTests", ["Kubernetes", "HTTPClient", "HTTPServer", "Platform"], excluding: ["golden"]),
        tests("CheckModelTests", ["CheckModel", "Platform"]),
        tests("AutoConfTests", ["AutoConf", "Kubernetes", "CheckModel", "Platform"]),
        tests("ClusterChecksTests", ["ClusterChecks", "CheckModel", "Platform"]),
        tests(
            "NodeAgentAPITests",
            ["TestSupport", "NodeAgentAPI", "ClusterChecks", "CheckModel", "HTTPServer", "Platform"]),
        tests("NodeAgentTests", ["TestSupport", "NodeAgent", "HTTPClient", "HTTPServer", "CheckModel", "Platform"]),
        tests(
            "SimulationTests",
            [
                "Simulation", "NodeAgentAPI", "NodeAgent", "ClusterChecks", "CheckModel", "Kubernetes", "HTTPServer",
                "Platform",
            ]),
        tests(
            "AcceptanceTests",
            ["cluster-agent", "node-agent", "TestSupport", "HTTPClient", "CheckModel", "Platform"],
            excluding: ["clients"]),
        tests("BenchmarkTests", ["Benchmarks", "TestSupport", "Platform"]),
        tests("FuzzTests", ["TestSupport", "Platform"]),
        tests(
            "IntegrationTests",
            ["cluster-agent", "node-agent", "TestSupport", "Kubernetes", "HTTPClient", "CheckModel", "Platform"],
            excluding: ["clients"]),
        tests(
            "ManifestTests", ["TestSupport", "CheckModel", "Platform"], excluding: ["rules.py", "manifests.py"]),
        tests("RepositoryTests", ["ClusterAgent", "NodeAgent", "Platform"]),
    ]
)
