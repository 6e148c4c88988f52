import CheckModel
import ClusterChecks
import JSON
import Platform
import Testing

@testable import Replica

/// What replicas send each other to mirror the store.
@Suite struct MirrorMessageTests {
    private static let key = ConfigKey(
        source: "kube_service://shop/web", check: "http_check", entry: "name:a", index: 3
    )
    .shard("pods")
    private static let config = EncodedConfig(
        unconfirmed: key, contentHash: 0xFEDC_BA98_7654_3210, instances: 4, nodeName: "")
    private static let pinned = EncodedConfig(
        unconfirmed: ConfigKey(source: "kube_endpoint_uid://shop/web/10.0.0.1", check: "tls", index: 0), contentHash: 7,
        instances: 1, nodeName: "worker 1")

    private static let exclusive = EncodedConfig(
        unconfirmed: key, contentHash: 8, instances: 1, nodeName: "", handOver: .exclusive)

    private static var conditions: NodeConditions {
        var conditions = NodeConditions()
        (conditions.pod, conditions.isDraining, conditions.cordon) = ("agents/a", true, .workerGone)
        conditions.isRestarting = true
        return conditions
    }

    /// One of each kind, and of each that differs in what it holds.
    static let changes: [StoreChange] = [
        .dispatchingBegan(unclearFor: .seconds(7)),
        .nodeRegistered(id: "n\u{e9}", type: 2, address: "10.0.0.1", isAwaited: true),
        .nodeRegistered(id: "n", type: 0, address: nil, isAwaited: false), .nodeHeard(id: "n"),
        .nodeChanged(id: "n", type: 1, address: nil), .nodeConditionsChanged(id: "n", conditions),
        .nodeConditionsChanged(id: "n", NodeConditions()), .nodeIDShared(id: "n", agents: ["a", "b"]),
        .nodeIDShared(id: "n", agents: []),
        .nodeLeft(id: "n", returnsWithin: .seconds(15)), .nodeReturned(id: "n"),
        .keepsRunning(id: "n", atMost: .seconds(3)), .keepsRunningEnded(id: "n"),
        .handOverStarted(config, from: "n"), .handOverStarted(exclusive, from: nil), .handOverEnded(key),
        .nodeExpired(id: "n", .silence), .nodeExpired(id: "n", .podDeleted("agents/a")),
        .configScheduled(config, on: "n"), .configScheduled(config, on: nil), .configReplaced(config),
        .configMoved(key, from: nil, to: "n", .dangled, mayRun: false),
        .configMoved(key, from: "m", to: "n", .drained, mayRun: true), .nodeExpired(id: "n", .left),
        .configRemoved(key),
        .endpointsCheckScheduled(pinned),
        .endpointsCheckRemoved(pinned.key),
        .nodeAbilitiesChanged(id: "n", NodeAbilities()),
        .nodeAbilitiesChanged(id: "n", NodeAbilities(checks: compatibility, stated: 8, reported: 2)),
        .nodeAbilitiesChanged(id: "n", NodeAbilities(checks: nil, stated: nil, reported: 2)),
        .nodeAbilitiesChanged(
            id: "n", NodeAbilities(checks: compatibility, stated: nil, reported: nil, refreshInterval: .seconds(60))),
        .configWithdrawn(key, .noEligibleNode("no node-agent runs redisdb"), mayRun: true),
        .configWithdrawn(key, .noNode, mayRun: false), .configWithdrawn(key, .nodeExpired("n"), mayRun: false),
        .configWithdrawn(key, .podDeleted(node: "n", pod: "a/b"), mayRun: false),
        .configWithdrawn(key, .nodeLeft("n"), mayRun: false),
        .costsChanged(
            [ChangedCost(key: key, cost: ConfigCost(millionths: 1_500_000, .measured))], workersPerInstance: 0.0125),
        .costsChanged([], workersPerInstance: nil),
    ]

    private static let compatibility = CheckCompatibility(include: ["tls", "http_check"], exclude: ["x"], version: "7")

    @Test(arguments: changes.indices) func `a change arrives as it was sent`(index: Int) throws {
        let sent = Self.changes[index].wire { $0 }
        let read = try StoreChange(wire: try JSONValue(parsing: sent.encoded()))
        #expect(read.wire { $0 } == sent)
        #expect(
            "\(read)".replacing(#/0x[0-9a-f]+/#, with: "")
                == "\(Self.changes[index])".replacing(#/0x[0-9a-f]+/#, with: ""))
    }

    /// The wire of this release: the next one must read it.
    @Test func `the wire is what it was`() {
        let lines = Self.changes.map { String(decoding: $0.wire { $0 }.encoded(), as: UTF8.self) }
        #expect(lines[1] == #"{"address":"10.0.0.1","awaited":true,"change":"node","node":"né","type":2}"#)
        #expect(
            lines[5]
                == #"{"change":"node_conditions","cordon":"gone","draining":true,"lacks_pod":false,"node":"n","pod":"agents/a","restarting":true}"#
        )
        #expect(
            lines[18]
                == #"{"change":"config","config":{"hash":"fedcba9876543210","instances":4,"key":{"check":"http_check","entry":"name:a","index":3,"shard":"pods","source":"kube_service://shop/web"}},"node":"n"}"#
        )
        #expect(lines[11] == #"{"change":"keeps_running","lasts_ms":3000,"node":"n"}"#)
        #expect(
            lines[14]
                == #"{"change":"hand_over","config":{"handover":"exclusive","hash":"8","key":{"check":"http_check","entry":"name:a","index":3,"shard":"pods","source":"kube_service://shop/web"}}}"#
        )
        #expect(lines[17] == #"{"change":"node_expired","node":"n","pod":"agents/a"}"#)
    }

    @Test(arguments: [
        #"{}"#, #"{"change":"unheard_of","node":"n"}"#, #"{"change":"node","type":2}"#,
        #"{"change":"node","node":"n"}"#,
        #"{"change":"config"}"#, #"{"change":"config","config":{"key":{"source":"a","check":"b"},"hash":"xyz"}}"#,
        #"{"change":"config","config":{"key":{"source":"a"},"hash":"1"}}"#,
        #"{"change":"config_moved","key":{"source":"a","check":"b"},"node":"n","reason":"whim"}"#,
        #"{"change":"node_conditions","node":"n","draining":true}"#,
        #"{"change":"node_conditions","node":"n","draining":true,"lacks_pod":false,"cordon":"purple"}"#,
        #"{"change":"hand_over","node":"n"}"#, #"{"change":"node_left","node":"n"}"#,
        #"{"change":"config_moved","key":{"source":"a","check":"b"},"node":"n","reason":"drained"}"#,
        #"{"change":"config","config":{"key":{"source":"a","check":"b"},"hash":"1","handover":"maybe"}}"#,
    ]) func `what is no change is refused`(text: String) throws {
        let json = try JSONValue(parsing: Array(text.utf8))
        #expect(throws: MirrorError.self) { try StoreChange(wire: json) }
    }

    @Test(arguments: [
        MirrorRequest(replica: "a_1", term: "", known: .nothing, wait: .zero),
        MirrorRequest(replica: "a_1", term: "12.uid", known: .version(.max / 2), wait: .seconds(5)),
        MirrorRequest(replica: "a_1", term: "12.uid", known: .pages(upTo: 3, version: 7), wait: .milliseconds(5)),
    ]) func `a call arrives as it was sent`(request: MirrorRequest) throws {
        #expect(try MirrorRequest(parsing: request.encoded()) == request)
    }

    @Test(arguments: [
        "", "[]", #"{"format":1,"replica":"a","term":"","wait_ms":0}"#,
        #"{"format":3,"replica":"","term":"","wait_ms":0}"#, #"{"format":2,"replica":"a,b","term":"","wait_ms":0}"#,
        #"{"format":3,"replica":"a","wait_ms":0}"#, #"{"format":2,"replica":"a","term":"","wait_ms":-1}"#,
        #"{"format":3,"replica":"a","term":"","wait_ms":0,"page":1}"#,
        #"{"format":3,"replica":"a","term":"","wait_ms":0,"page":-1,"version":2}"#,
    ]) func `what is no call is refused with the reason`(text: String) {
        #expect(throws: APIError.self) { try MirrorRequest(parsing: Array(text.utf8)) }
    }

    @Test func `an answer arrives as it was sent, and times with what remains of them`() throws {
        let answer = MirrorAnswer(
            version: 22, nextPage: 1, isFirst: true, held: .seconds(2), isNamed: true, changes: Self.changes,
            history: [HistoryEntry(.moved, check: "c", from: "a", node: "b", reason: "expired")])
        let read = try MirrorAnswer(parsing: answer.encoded { _, duration in max(.zero, duration - .seconds(10)) })
        #expect(read.version == 22 && read.nextPage == 1 && read.isFirst && read.isNamed && read.held == .seconds(2))
        #expect(read.changes.count == Self.changes.count)
        #expect(read.history == answer.history)
        var lasting: [Duration] = []
        for change in read.changes {
            switch change {
            case .nodeLeft(_, let duration), .keepsRunning(_, let duration): lasting.append(duration)
            default: break
            }
        }
        #expect(lasting == [.seconds(5), .zero])
        #expect(throws: MirrorError.self) { try MirrorAnswer(parsing: Array("{}".utf8)) }
    }
}
