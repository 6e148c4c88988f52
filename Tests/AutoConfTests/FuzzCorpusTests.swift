import AutoConf
import CheckModel
import JSON
import Kubernetes
import Platform
import Testing

/// The corpora of the fuzz targets, through the whole of AutoConf: what was found once stays found.
@Suite struct FuzzCorpusTests {
    private static func corpus(_ target: String) throws -> [(name: String, text: String)] {
        try fuzzCorpus(target).map { ($0.name, String(decoding: $0.input, as: UTF8.self)) }
    }

    @Test(arguments: ["service", "endpoints"])
    func `every annotation gives configs that can be sent and affects no other Service`(subject: String) throws {
        let corpus = try Self.corpus("annotations")
        #expect(corpus.count >= 9)
        var sent = 0
        for (name, text) in corpus {
            let fixture = Fixture(AutoConfOptions(watchesServices: true, watchesEndpoints: true))
            fixture.autoConf.handle(.replaced([slice([endpoint("10.1.0.1"), endpoint("fd00::1")])]))
            let good = service(["checks": #"{"good":{"instances":[{}]}}"#], name: "good")
            let services = [
                service(Dictionary(uniqueKeysWithValues: annotations(in: text, subject).map { ($0.text, $1.text) })),
                good,
            ]
            fixture.autoConf.handle(.replaced(services))
            #expect(fixture.isSynced, "\(name)")
            #expect(fixture.configs.contains { $0.checkName == "good" }, "\(name)")
            // What libFuzzer found, named by a hash, may be as good as empty.
            let isWritten = name.utf8.count != 40
            #expect(
                fixture.configs.count + fixture.problems.count > 1 || !isWritten,
                "\(name): nothing came of it and nothing was said")
            for config in fixture.configs {
                let encoded = try ConfigPatch(extraTags: ["a:b"]).encode(config)
                #expect(!encoded.wire.isEmpty, "\(name)")
                sent += 1
            }
            let changes = fixture.desired.changes
            fixture.autoConf.handle(.replaced(services))
            #expect(fixture.desired.changes == changes, "\(name): the second reading differs")
        }
        #expect(sent > corpus.count)
    }

    @Test func `every template is resolved or reported`() throws {
        let corpus = try Self.corpus("template")
        #expect(corpus.count >= 10)
        var resolved = 0
        for (name, text) in corpus {
            let fixture = Fixture(
                AutoConfOptions(watchesServices: true),
                environment: ["NAME": "value", "NUMBER": "0x1F", "FLAG": "True", "PERCENT": "%%host%%", "EMPTY": ""])
            let checks = JSONValue.object([
                "a": .object(["instances": .array([.object(["x": .string(String(text.dropFirst()))])])])
            ])
            let address = ["10.96.0.20", "fd00::1", "web.example"][Int(text.utf8.first ?? 0) % 3]
            fixture.autoConf.handle(
                .replaced([
                    service(["checks": String(decoding: checks.encoded(), as: UTF8.self)], clusterIP: address)
                ]))
            #expect(fixture.configs.count + fixture.problems.count == 1, "\(name)")
            resolved += fixture.configs.count
        }
        #expect(resolved >= 5)
    }
}
