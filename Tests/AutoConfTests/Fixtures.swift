import AutoConf
import CheckModel
import Glibc
import JSON
import Kubernetes
import Platform
import Synchronization
import TestKit
import Testing

/// The real files, but for paths that fail with an error number, and a count of what was read.
final class FailingFiles: ConfigFiles {
    private let failures = Mutex<[String: Int32]>([:])
    private let reads = Mutex<[String]>([])
    private let files = SystemConfigFiles()

    func fail(_ path: String, with number: Int32?) {
        failures.withLock { $0[path] = number }
    }

    func takeReads() -> [String] {
        reads.withLock { reads in
            defer { reads = [] }
            return reads
        }
    }

    func names(in directory: String) throws(FileAccessError) -> [String] {
        try check(directory)
        return try files.names(in: directory)
    }

    func signature(of path: String) throws(FileAccessError) -> FileSignature {
        try files.signature(of: path)
    }

    func contents(of path: String, atMost limit: Int) throws(FileAccessError) -> [UInt8] {
        reads.withLock { $0.append(path) }
        try check(path)
        return try files.contents(of: path, atMost: limit)
    }

    private func check(_ path: String) throws(FileAccessError) {
        if let number = failures.withLock({ $0[path] }) { throw FileAccessError(number: number) }
    }
}

/// Remembers what was told of problems.
final class ProblemRecorder: Sendable {
    private let recorded = Mutex<[ProblemChange]>([])

    func record(_ change: ProblemChange) {
        recorded.withLock { $0.append(change) }
    }

    func take() -> [ProblemChange] {
        recorded.withLock { recorded in
            defer { recorded = [] }
            return recorded
        }
    }
}

/// Passes on what is published, and remembers it if it says when a source was read.
final class ReadingRecorder: ConfigSink {
    private let desired: CollectedConfigs
    private let recorded = Mutex<[(checks: [String], readings: SourceReadings)]>([])

    init(_ desired: CollectedConfigs) {
        self.desired = desired
    }

    func apply(
        upserts: [CheckConfig], removals: [ConfigKey], suspended: [ConfigKey], resumed: [ConfigKey], synced: Bool?,
        readings: SourceReadings?
    ) {
        desired.apply(
            upserts: upserts, removals: removals, suspended: suspended, resumed: resumed, synced: synced,
            readings: readings)
        guard let readings else { return }
        let checks = desired.configs.map(\.checkName)
        recorded.withLock { $0.append((checks, readings)) }
    }

    /// What was told, each with the checks that there were then.
    func take() -> [(checks: [String], readings: SourceReadings)] {
        recorded.withLock { recorded in
            defer { recorded = [] }
            return recorded
        }
    }
}

/// An AutoConf with what it writes.
struct Fixture {
    let clock = ManualClock(at: Instant(nanoseconds: 0))
    let files = FailingFiles()
    let recorder = RecordingLog()
    let desired = CollectedConfigs()
    let readings: ReadingRecorder
    let changes = ProblemRecorder()
    let autoConf: AutoConf

    init(_ options: AutoConfOptions, environment: [String: String] = [:]) {
        readings = ReadingRecorder(desired)
        autoConf = AutoConf(
            options: options, desired: readings, environment: environment, files: files, clock: clock,
            log: Log(sink: recorder, minimum: .info), onProblems: { [changes] in changes.record($0) })
    }

    var configs: [CheckConfig] {
        desired.configs
    }

    var keys: [String] {
        configs.map(\.key.description)
    }

    var isSynced: Bool {
        desired.isSynced
    }

    var problems: [String] {
        autoConf.problems.map(\.description)
    }
}

extension ReflectorEvent {
    /// A list of which it does not matter when it began.
    static func replaced(_ objects: [Object]) -> Self {
        .replaced(objects, begun: .distantPast)
    }
}

/// A Service, `shop/web` if nothing else is said, with two ports.
///
/// - Parameter annotations: those that begin with `ad.datadoghq.com/service.`, without that, unless they contain a
///   slash.
func service(
    _ annotations: [String: String] = [:], namespace: String = "shop", name: String = "web",
    clusterIP: String = "10.96.0.20",
    labels: [String: String] = [:], uid: String = "u1",
    ports: [Service.Port] = [.init(name: "metrics", port: 9102), .init(name: "http", port: 80)]
) -> Service {
    func exact(_ texts: [(String, String)]) -> [ExactText: ExactText] {
        Dictionary(uniqueKeysWithValues: texts.map { (ExactText($0), ExactText($1)) })
    }
    let prefixed = annotations.map {
        ($0.key.contains("/") ? $0.key : "ad.datadoghq.com/service.\($0.key)", $0.value)
    }
    return Service(
        metadata: ObjectMetadata(
            name: name, namespace: namespace, uid: uid, labels: exact(labels.map { ($0, $1) }),
            annotations: exact(prefixed)),
        clusterIP: clusterIP, ports: ports)
}

/// Annotations with a prefix.
func annotations(_ prefix: String, _ values: [String: String]) -> [String: String] {
    Dictionary(uniqueKeysWithValues: values.map { ("\(prefix)\($0.key)", $0.value) })
}

/// A slice of the endpoints of `shop/web`, with two ports.
func slice(
    _ endpoints: [ServiceEndpoints.Endpoint], name: String = "web-abcde", of service: String = "web",
    ports: [ServiceEndpoints.Port] = [.init(name: "metrics", port: 9102), .init(name: "http", port: 8080)]
) -> ServiceEndpoints {
    ServiceEndpoints(
        metadata: ObjectMetadata(name: name, namespace: "shop"), serviceName: service,
        subsets: [.init(endpoints: endpoints, ports: ports)])
}

/// An endpoint with a Pod behind it, unless `pod` is nil.
func endpoint(
    _ address: String, pod: String? = "p1", node: String = "node-1", isReady: Bool = true, isServing: Bool = true,
    isTerminating: Bool = false
) -> ServiceEndpoints.Endpoint {
    ServiceEndpoints.Endpoint(
        addresses: [address], isReady: isReady, isServing: isServing, isTerminating: isTerminating, nodeName: node,
        target: pod.map { ObjectReference(kind: "Pod", namespace: "shop", name: "web-\($0)", uid: $0) })
}

/// What instances look like as they are encoded.
func texts(_ instances: [JSONValue]) -> [String] {
    instances.map { String(decoding: $0.encoded(), as: UTF8.self) }
}
