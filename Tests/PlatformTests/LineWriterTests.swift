import Glibc
import TestKit
import Testing

@testable import Platform

@Suite struct LineWriterTests {
    /// A pipe whose reading end nobody reads unless a test does.
    private struct Pipe {
        let reading: Int32
        let writing: Int32

        init() throws {
            var ends: [Int32] = [-1, -1]
            guard unsafe pipe(&ends) == 0 else { throw SystemCallError("pipe") }
            (reading, writing) = (ends[0], ends[1])
        }

        /// Everything up to the end, or until it is enough.
        func read(until isEnough: ([Substring]) -> Bool = { _ in false }) -> [String] {
            var text = ""
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while !(text.hasSuffix("\n") && isEnough(text.split(separator: "\n"))) {
                let count = unsafe Glibc.read(reading, &buffer, buffer.count)
                guard count > 0 else { break }
                text += String(decoding: buffer[..<count], as: UTF8.self)
            }
            return text.split(separator: "\n").map(String.init)
        }
    }

    @Test func `lines are written in order`() throws {
        let pipe = try Pipe()
        let writer = try LineWriter(to: pipe.writing) { "lost \($0)" }
        for number in 0..<100 { writer.write("line \(number)") }
        writer.flush(within: .seconds(60))
        close(pipe.writing)
        #expect(pipe.read() == (0..<100).map { "line \($0)" })
        #expect(writer.lostLines == 0)
    }

    @Test func `nobody waits for a pipe that is not read, and lost lines are counted and reported`() throws {
        let pipe = try Pipe()
        let writer = try LineWriter(to: pipe.writing) { "lost \($0)" }
        let text = String(repeating: "x", count: 999)
        // A pipe takes 64 KiB, the queue 256 KiB. Were this call to block, the test would not end.
        for _ in 0..<1_000 { writer.write(text) }
        let lost = writer.lostLines
        #expect(lost > 600 && lost < 800)
        writer.flush(within: .milliseconds(20))
        // Each line is there, or in one of the notices: there may be several, each since the one before.
        func told(_ lines: [Substring]) -> Int {
            lines.compactMap { $0.hasPrefix("lost ") ? Int($0.dropFirst(5)) : nil }.reduce(0, +)
        }
        let output = pipe.read { told($0) == Int(lost) }
        #expect(output.count { $0 == text } == 1_000 - Int(lost))
        #expect(writer.lostLines == lost)
    }

    @Test func `a line that the descriptor refuses is counted, and nothing else is lost`() throws {
        signal(SIGPIPE, SIG_IGN)
        let pipe = try Pipe()
        close(pipe.reading)
        let writer = try LineWriter(to: pipe.writing) { "lost \($0)" }
        for _ in 0..<3 { writer.write("line") }
        writer.flush(within: .seconds(60))
        #expect(writer.lostLines == 3)
    }

    @Test func `a descriptor that does not block is waited for on the writer's own thread`() async throws {
        let pipe = try Pipe()
        _ = fcntl(pipe.writing, F_SETFL, O_NONBLOCK)
        let writer = try LineWriter(to: pipe.writing) { "lost \($0)" }
        for _ in 0..<200 { writer.write(String(repeating: "y", count: 999)) }
        writer.write("end")
        #expect(pipe.read { $0.last == "end" }.count == 201)
        #expect(writer.lostLines == 0)
    }
}
