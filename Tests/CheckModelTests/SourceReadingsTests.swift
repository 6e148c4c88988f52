import CheckModel
import Platform
import Testing

@Suite struct SourceReadingsTests {
    private static func at(_ seconds: Int) -> Instant {
        Instant(nanoseconds: 0) + .seconds(seconds)
    }

    private static func began(_ readings: SourceReadings, _ source: String) -> Instant {
        readings.began(of: ConfigKey(source: source, check: "c", index: 0))
    }

    @Test(arguments: [
        // Services, endpoints and files, and when the readings began that a key of each kind depends on.
        ([1, 2, 3], service: 1, endpoint: 1, file: 1), ([3, 2, 1], service: 3, endpoint: 2, file: 1),
        ([2, 1, 3], service: 2, endpoint: 1, file: 1),
    ])
    func `a key depends on all sources that its configs are made of`(
        seconds: [Int], service: Int, endpoint: Int, file: Int
    ) {
        let readings = SourceReadings(
            services: Self.at(seconds[0]), endpoints: Self.at(seconds[1]), files: Self.at(seconds[2]))
        #expect(Self.began(readings, "kube_service://shop/web") == Self.at(service))
        #expect(Self.began(readings, "kube_endpoint_uid://shop/web/10.1.0.1") == Self.at(endpoint))
        #expect(Self.began(readings, "file:/etc/conf.d/http_check.json") == Self.at(file))
        // The rule is about bytes: an accent after the colon makes it no other kind of source.
        #expect(Self.began(readings, "file:\u{301}.json") == Self.at(file))
    }

    @Test func `what is not enabled is not waited for, and what was not read is`() {
        let files = SourceReadings(services: .distantFuture, endpoints: .distantFuture, files: Self.at(1))
        #expect(Self.began(files, "file:/a.json") == Self.at(1))
        #expect(Self.began(files, "kube_service://shop/web") == .distantFuture)
        let services = SourceReadings(services: Self.at(1), endpoints: .distantFuture, files: .distantFuture)
        #expect(Self.began(services, "kube_endpoint_uid://shop/web/10.1.0.1") == Self.at(1))
        #expect(Self.began(services, "file:/a.json") == Self.at(1))
        #expect(Self.began(SourceReadings(services: Self.at(1)), "file:/a.json") == .distantPast)
    }

    @Test func `each URL that lists targets is a source of its own`() {
        var readings = SourceReadings(
            services: Self.at(9), endpoints: Self.at(9), files: Self.at(9), clusterChecks: Self.at(9))
        readings.discovered = ["prometheus_http_sd:http://a": Self.at(7), "prometheus_http_sd:http://b": .distantPast]
        #expect(Self.began(readings, "prometheus_http_sd:http://a") == Self.at(7))
        #expect(Self.began(readings, "prometheus_http_sd:http://b") == .distantPast)
        #expect(Self.began(readings, "prometheus_http_sd:http://former") == .distantFuture)
        #expect(readings.earliest == .distantPast)
    }
}
