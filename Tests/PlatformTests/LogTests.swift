import Synchronization
import TestKit
import Testing

@testable import Platform

@Suite struct LogTests {
    @Test func `lines below the minimum level are dropped`() {
        let sink = RecordingLog()
        let log = Log(sink: sink, minimum: .warning, component: "elector")
        log.debug("one")
        log.info("two")
        log.warning("three")
        log.error("four")
        #expect(sink.records.map(\.message) == ["three", "four"])
        #expect(sink.records.map(\.level) == [.warning, .error])
        #expect(sink.records.allSatisfy { $0.component == "elector" })
    }

    @Test func `numbers and booleans are such in JSON, and only they`() {
        let sink = RecordingLog()
        Log(sink: sink).info(
            "m",
            ["i": 3, "u": UInt64.max, "d": 0.5, "b": true, "t": "7", "inf": Double.infinity, "e": LogLevel.info.name])
        let line = sink.records.last
        #expect(
            line.map { StandardErrorLog.json($0, "t") }
                == #"{"time":"t","level":"info","component":"","message":"m","i":3,"u":18446744073709551615,"d":0.5,"#
                + #""b":true,"t":"7","inf":"inf","e":"info"}"#)
    }

    @Test func `fields keep their order and may repeat`() {
        let sink = RecordingLog()
        Log(sink: sink).named("a").info("moved", ["node": "n2", "node": "n1", "count": 3])
        #expect(sink.records.map(\.component) == ["a"])
        #expect(sink.records.first?.fields.map(\.name) == ["node", "node", "count"])
        #expect(sink.records.first?.fields.map(\.value) == ["n2", "n1", "3"])
    }

    @Test(arguments: LogLevel.allCases) func `a level is parsed from its name`(level: LogLevel) {
        #expect(LogLevel(name: level.name) == level)
    }

    @Test func `warn means warning and nothing else is a level`() {
        #expect(LogLevel(name: "warn") == .warning)
        #expect(LogLevel(name: "INFO") == nil)
        #expect(LogLevel(name: "") == nil)
        #expect(LogLevel.allCases.shuffled().sorted().map(\.name) == ["debug", "info", "warning", "error"])
    }

    @Test(arguments: [
        ("plain", "m a=plain"), ("", #"m a="""#), ("two words", #"m a="two words""#), ("a\"b", #"m a="a\"b""#),
        (#"a\b"#, #"m a="a\\b""#), ("a\nb", #"m a="a\nb""#), ("\u{1b}[2J", #"m a="\u001b[2J""#),
        ("\u{9b}2J", #"m a="\u009b2J""#), ("größer", "m a=größer"),
    ])
    func `no value can forge a log line or move the cursor`(value: String, text: String) {
        let line = LogLine(level: .info, component: "", message: "m", fields: [LogField("a", value)])
        #expect(StandardErrorLog.plain(line, "T") == "T INFO \(text)")
    }

    @Test func `a log line is one JSON object`() {
        let line = LogLine(level: .error, component: "api", message: "refused", fields: [LogField("why", "a\"\n")])
        #expect(
            StandardErrorLog.json(line, "T")
                == #"{"time":"T","level":"error","component":"api","message":"refused","why":"a\"\n"}"#)
    }
}
