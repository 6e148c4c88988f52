import AutoConf
import CheckModel
import Glibc
import Kubernetes
import Platform
import Synchronization
import Testing

/// Remembers log lines as `level message object: reason`.
final class LogRecorder: LogSink {
    private let recorded = Mutex<[String]>([])

    var lines: [String] {
        recorded.withLock { $0 }
    }

    func write(_ line: LogLine) {
        let fields = line.fields.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
        recorded.withLock { $0.append("\(line.level.name) \(line.message) \(fields)") }
    }
}

/// Time that passes only when it is told to, and counts the sleepers it woke.
final class ManualClock: Clock {
    private struct State {
        var now = Instant(nanoseconds: 0)
        /// The one task that sleeps was cancelled.
        var isCancelled = false
        var sleepers: [(deadline: Instant, continuation: CheckedContinuation<Void, any Error>)] = []
    }

    private let state = Mutex(State())
    /// How often somebody went to sleep.
    let sleeps = Watched(0)

    func now() -> Instant {
        state.withLock { $0.now }
    }

    func wallTime() -> WallTime {
        WallTime(nanoseconds: 0)
    }

    func sleep(until deadline: Instant) async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let isCancelled = state.withLock { state in
                    if !state.isCancelled { state.sleepers.append((deadline, continuation)) }
                    return state.isCancelled
                }
                if isCancelled { continuation.resume(throwing: CancellationError()) }
                sleeps.update { $0 += 1 }
            }
        } onCancel: {
            state.withLock { $0.isCancelled = true }
            for sleeper in take(all: true) { sleeper.resume(throwing: CancellationError()) }
        }
    }

    /// Lets time pass and waits until the one sleeper that is woken by it sleeps again.
    func advance(by duration: Duration) async throws {
        let before = sleeps.current
        state.withLock { $0.now = $0.now + duration }
        for sleeper in take(all: false) { sleeper.resume() }
        _ = try await sleeps.next(after: before.version)
    }

    /// Waits until somebody sleeps for the first time.
    func waitForFirstSleep() async throws {
        var seen = sleeps.current
        while seen.value == 0 { seen = try await sleeps.next(after: seen.version) }
    }

    private func take(all: Bool) -> [CheckedContinuation<Void, any Error>] {
        state.withLock { state in
            let due = state.sleepers.filter { all || $0.deadline <= state.now }
            state.sleepers.removeAll { all || $0.deadline <= state.now }
            return due.map(\.continuation)
        }
    }
}

/// A directory of its own, gone with the value.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/AutoConfTests.XXXXXX".utf8CString)
        let made = unsafe mkdtemp(&template) != nil
        try #require(made)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        Self.remove(path)
    }

    func write(_ name: String, _ contents: String) throws {
        if let slash = name.lastIndex(of: "/") { makeDirectory(String(name[..<slash])) }
        try writeFile("\(path)/\(name)", Array(contents.utf8))
    }

    func makeDirectory(_ name: String) {
        unsafe mkdir("\(path)/\(name)", 0o755)
    }

    func remove(_ name: String) {
        Self.remove("\(path)/\(name)")
    }

    func link(_ name: String, to target: String) throws {
        let temporary = "\(path)/.link"
        let linked = unsafe symlink(target, temporary) == 0
        try #require(linked)
        let renamed = unsafe rename(temporary, "\(path)/\(name)") == 0
        try #require(renamed)
    }

    private static func remove(_ path: String) {
        if unsafe unlink(path) == 0 { return }
        for name in (try? SystemConfigFiles().names(in: path)) ?? [] { remove("\(path)/\(name)") }
        unsafe rmdir(path)
    }
}

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

/// An AutoConf with what it writes.
struct Fixture {
    let clock = ManualClock()
    let files = FailingFiles()
    let recorder = LogRecorder()
    let desired = CollectedConfigs()
    let changes = ProblemRecorder()
    let autoConf: AutoConf

    init(_ options: AutoConfOptions, environment: [String: String] = [:]) {
        autoConf = AutoConf(
            options: options, desired: desired, environment: environment, files: files, clock: clock,
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

/// A Service `shop/web` with two ports.
///
/// - Parameter annotations: those that begin with `ad.datadoghq.com/service.`, without that, unless they contain a slash.
func service(
    _ annotations: [String: String] = [:], name: String = "web", clusterIP: String = "10.96.0.20",
    labels: [String: String] = [:], uid: String = "u1",
    ports: [Service.Port] = [.init(name: "metrics", port: 9102), .init(name: "http", port: 80)]
) -> Service {
    let prefixed = annotations.map {
        ($0.key.contains("/") ? $0.key : "ad.datadoghq.com/service.\($0.key)", $0.value)
    }
    return Service(
        metadata: ObjectMetadata(
            name: name, namespace: "shop", uid: uid, labels: labels,
            annotations: Dictionary(uniqueKeysWithValues: prefixed)),
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
func texts(_ instances: [JSON]) -> [String] {
    instances.map { String(decoding: $0.encoded(), as: UTF8.self) }
}
