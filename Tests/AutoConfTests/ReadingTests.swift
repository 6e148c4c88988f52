import AutoConf
import CheckModel
import Glibc
import Kubernetes
import Platform
import TestKit
import Testing

/// When it is told that sources were read.
@Suite struct ReadingTests {
    private static func at(_ seconds: Int) -> Instant {
        Instant(nanoseconds: 0) + .seconds(seconds)
    }

    private static func checked(_ check: String) -> Service {
        service(["checks": #"{"\#(check)":{"instances":[{}]}}"#])
    }

    /// An AutoConf that reads Services, and endpoints too unless it is said.
    private static func fixture(endpoints: Bool = true) -> Fixture {
        Fixture(AutoConfOptions(watchesServices: true, watchesEndpoints: endpoints))
    }

    @Test func `the first reading of each source is told with its configs`() {
        let fixture = Self.fixture()
        fixture.autoConf.handle(.applied(Self.checked("a")))
        #expect(fixture.readings.take().isEmpty)
        fixture.autoConf.handle(.replaced([Self.checked("b")], begun: Self.at(1)))
        let services = fixture.readings.take()
        #expect(services.map(\.checks) == [["b"]])
        #expect(
            services.map(\.readings) == [
                SourceReadings(services: Self.at(1), files: .distantFuture, clusterChecks: .distantFuture)
            ])
        #expect(!fixture.isSynced)
        fixture.autoConf.handle(ReflectorEvent<ServiceEndpoints>.replaced([], begun: Self.at(2)))
        let both = SourceReadings(
            services: Self.at(1), endpoints: Self.at(2), files: .distantFuture, clusterChecks: .distantFuture)
        #expect(fixture.readings.take().map(\.readings) == [both])
        #expect(fixture.isSynced)
    }

    @Test func `a source that is not enabled is never waited for`() {
        let all = SourceReadings(
            services: .distantFuture, endpoints: .distantFuture, files: .distantFuture, clusterChecks: .distantFuture)
        #expect(Fixture(AutoConfOptions()).readings.take().map(\.readings) == [all])
        let fixture = Self.fixture(endpoints: false)
        fixture.autoConf.handle(.replaced([Service](), begun: Self.at(1)))
        fixture.autoConf.handle(ReflectorEvent<ServiceEndpoints>.replaced([], begun: Self.at(2)))
        fixture.autoConf.readAnew(since: Self.at(3))
        let services = SourceReadings(
            services: Self.at(1), endpoints: .distantFuture, files: .distantFuture, clusterChecks: .distantFuture)
        #expect(fixture.readings.take().map(\.readings) == [services])
    }

    @Test func `a later reading is told only on request, once and with its configs`() {
        let fixture = Self.fixture(endpoints: false)
        for (check, begun) in [("a", 1), ("b", 2)] {
            fixture.autoConf.handle(.replaced([Self.checked(check)], begun: Self.at(begun)))
        }
        #expect(fixture.readings.take().map(\.checks) == [["a"]])
        fixture.autoConf.readAnew(since: Self.at(5))
        #expect(fixture.readings.take().isEmpty)
        for begun in 4...9 {
            fixture.autoConf.handle(.replaced([Self.checked("c\(begun)")], begun: Self.at(begun)))
        }
        let told = fixture.readings.take()
        #expect(told.map(\.readings.services) == [Self.at(5)])
        #expect(told.map(\.checks) == [["c5"]])
        fixture.autoConf.readAnew(since: Self.at(20))
        fixture.autoConf.handle(.replaced([Self.checked("c9")], begun: Self.at(21)))
        #expect(fixture.readings.take().map(\.readings.services) == [Self.at(21)])
    }

    /// A list of many Services is published in parts; it is read when the last one is there.
    @Test func `a reading in parts is told with the last one`() {
        let fixture = Self.fixture(endpoints: false)
        let checks = (0..<200).map { service(["checks": #"{"a":{"instances":[{}]}}"#], name: "s\($0)") }
        fixture.autoConf.handle(page: ReflectorPage(Array(checks.prefix(90)), isFirst: true))
        #expect(fixture.configs.count == 90 && fixture.readings.take().isEmpty)
        fixture.autoConf.handle(.replaced(Array(checks.dropFirst(90)), begun: Self.at(1)))
        #expect(fixture.readings.take().map(\.checks.count) == [200])
    }

    @Test func `a reading that was complete before the request is told at once if it began late enough`() {
        let fixture = Self.fixture()
        for begun in [1, 7] {
            fixture.autoConf.handle(.replaced([Self.checked("a")], begun: Self.at(begun)))
            fixture.autoConf.handle(ReflectorEvent<ServiceEndpoints>.replaced([], begun: Self.at(begun - 2)))
        }
        _ = fixture.readings.take()
        fixture.autoConf.readAnew(since: Self.at(6))
        let services = SourceReadings(
            services: Self.at(7), endpoints: Self.at(-1), files: .distantFuture, clusterChecks: .distantFuture)
        #expect(fixture.readings.take().map(\.readings) == [services])
        fixture.autoConf.handle(ReflectorEvent<ServiceEndpoints>.replaced([], begun: Self.at(6)))
        #expect(fixture.readings.take().map(\.readings.endpoints) == [Self.at(6)])
    }

    /// Asks the directory to be read anew, and waits until it was.
    private static func request(_ fixture: Fixture) async throws {
        let before = fixture.clock.sleeps.current
        fixture.autoConf.readAnew(since: fixture.clock.now())
        _ = try await fixture.clock.sleeps.next(after: before.version)
    }

    @Test func `the directory is read at once on request, and only then it is told that it was read`() async throws {
        let directory = try TemporaryDirectory()
        let check = #"{"cluster_check":true,"instances":[{"url":"x"}]}"#
        try directory.write("a.json", check)
        let fixture = Fixture(AutoConfOptions(confdPath: directory.path))
        func pass() async throws { try await fixture.clock.advanceToNextSleep(by: .seconds(5)) }
        try await whileRunning(fixture) {
            #expect(fixture.readings.take().map(\.readings.files) == [Self.at(0)])
            try await pass()
            try await pass()
            #expect(fixture.readings.take().isEmpty)
            fixture.clock.advance(by: .seconds(1))
            try directory.write("b.json", check)
            // A broken file keeps what it had: it counts as read.
            try directory.write("a.json", "{")
            try await Self.request(fixture)
            let told = fixture.readings.take()
            #expect(told.map(\.readings.files) == [Self.at(11)])
            #expect(told.map(\.checks) == [["a", "b"]])
            try await pass()
            #expect(fixture.readings.take().isEmpty)
        }
    }

    @Test(arguments: [(EACCES, true), (EIO, false)])
    func `a directory that cannot be listed was not read, and one below it was if that may stay so`(
        number: Int32, isRead: Bool
    ) async throws {
        let directory = try TemporaryDirectory()
        let check = #"{"cluster_check":true,"instances":[{"url":"x"}]}"#
        try directory.write("b.d/x.json", check)
        let fixture = Fixture(AutoConfOptions(confdPath: directory.path))
        try await whileRunning(fixture) {
            #expect(fixture.readings.take().count == 1)
            fixture.clock.advance(by: .seconds(1))
            fixture.files.fail(directory.path, with: number)
            try await Self.request(fixture)
            #expect(fixture.readings.take().isEmpty)
            fixture.files.fail(directory.path, with: nil)
            fixture.files.fail("\(directory.path)/b.d", with: number)
            try await Self.request(fixture)
            #expect(fixture.readings.take().map(\.checks) == (isRead ? [["b"]] : []))
        }
    }
}
