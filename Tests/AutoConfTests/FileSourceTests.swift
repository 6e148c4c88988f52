import AutoConf
import CheckModel
import Glibc
import JSON
import Kubernetes
import Platform
import TestKit
import Testing

@Suite struct FileSourceTests {
    private let directory: TemporaryDirectory
    private let fixture: Fixture

    init() throws {
        directory = try TemporaryDirectory()
        fixture = Fixture(AutoConfOptions(confdPath: directory.path + "/", maximumFileBytes: 1_000, maximumFiles: 5))
    }

    private static func check(_ url: String) -> String {
        #"{"cluster_check":true,"instances":[{"url":"\#(url)"}]}"#
    }

    private var urls: [String] {
        fixture.configs.map { $0.instances[0]["url"]?.stringValue ?? "?" }
    }

    private func pass() async throws {
        try await fixture.clock.advanceToNextSleep(by: .seconds(5))
    }

    @Test func `added, changed and removed files are noticed`() async throws {
        try directory.write("a.json", Self.check("1"))
        try directory.write("b.d/x.json", Self.check("2"))
        try await whileRunning(fixture) {
            #expect(urls == ["1", "2"])
            try directory.write("a.json", Self.check("one"))
            try directory.write("c.json", Self.check("3"))
            directory.remove("b.d/x.json")
            try await pass()
            #expect(urls == ["one", "3"])
            directory.remove("a.json")
            try await pass()
            #expect(urls == ["3"])
        }
        #expect(fixture.problems.isEmpty)
    }

    @Test func `names that differ only in how an accent is composed are two files`() async throws {
        try directory.write("\u{E9}.d/x.json", Self.check("1"))
        try directory.write("e\u{301}.d/x.json", Self.check("2"))
        try await whileRunning(fixture) {
            #expect(urls.sorted() == ["1", "2"])
            directory.remove("\u{E9}.d/x.json")
            try await pass()
            #expect(urls == ["2"])
        }
        #expect(fixture.problems.isEmpty)
    }

    @Test func `a file whose name is not UTF-8 is read`() async throws {
        let name = directory.path.utf8CString.dropLast() + [0x2F, 0x61, CChar(bitPattern: 0xFF)]
        let folder = Array(name + [0x2E, 0x64, 0])
        #expect(unsafe mkdir(folder, 0o755) == 0)
        let file = unsafe fopen(Array(folder.dropLast() + "/b.json".utf8CString), "w")
        _ = unsafe fputs(Self.check("1"), file)
        unsafe fclose(file)
        try await whileRunning(fixture) {
            #expect(urls == ["1"])
            #expect(fixture.configs.map(\.checkName) == [#"a\xff"#])
        }
        #expect(fixture.problems.isEmpty)
        #expect(unsafe unlink(Array(folder.dropLast() + "/b.json".utf8CString)) == 0 && rmdir(folder) == 0)
    }

    @Test func `many files give the configs of all, and lose those of removed ones only`() async throws {
        let fixture = Fixture(AutoConfOptions(confdPath: directory.path, maximumFileBytes: 1_000, maximumFiles: 200))
        for number in 0..<150 { try directory.write("a.d/\(number).json", Self.check("\(number)")) }
        try await whileRunning(fixture) {
            #expect(fixture.isSynced)
            #expect(fixture.configs.count == 150)
            for number in 0..<100 { directory.remove("a.d/\(number).json") }
            try directory.write("a.d/120.json", "{")
            for _ in 0..<3 {
                try await fixture.clock.advanceToNextSleep(by: .seconds(5))
                let urls = fixture.configs.map { $0.instances[0]["url"]?.stringValue ?? "?" }
                #expect(Set(urls) == Set((100..<150).map(String.init)))
            }
        }
    }

    @Test func `files are read again only after the interval`() async throws {
        try await whileRunning(fixture) {
            try directory.write("a.json", Self.check("1"))
            try await pass()
            #expect(urls == ["1"])
            #expect(fixture.clock.sleeps.value == 2)
        }
    }

    @Test func `an unchanged file is read twice and not again`() async throws {
        try directory.write("a.json", Self.check("1"))
        try await whileRunning(fixture) {
            #expect(fixture.files.takeReads().count == 1)
            try await pass()
            #expect(fixture.files.takeReads().count == 1)
            try await pass()
            #expect(fixture.files.takeReads().isEmpty)
            try directory.write("a.json", Self.check("2"))
            try await pass()
            #expect(fixture.files.takeReads().count == 1)
            #expect(urls == ["2"])
        }
    }

    @Test(arguments: ["a.json", "a.d/x.json"])
    func `a default file counts only if its check has no other file`(other: String) async throws {
        try directory.write("a.json.default", Self.check("default"))
        try directory.write("b.d/conf.json.default", Self.check("b"))
        try await whileRunning(fixture) {
            #expect(urls == ["default", "b"])
            #expect(fixture.configs.map(\.checkName) == ["a", "b"])
            try directory.write(other, Self.check("own"))
            try await pass()
            #expect(urls == ["own", "b"])
            // What cannot be listed is not taken for empty: the default does not come back.
            fixture.files.fail("\(directory.path)/a.d", with: EIO)
            try await pass()
            #expect(urls == ["own", "b"])
            fixture.files.fail("\(directory.path)/a.d", with: nil)
            directory.remove(other)
            try await pass()
            #expect(urls == ["default", "b"])
        }
    }

    @Test func `a file that is read half written keeps its last good configs`() async throws {
        try directory.write("a.json", Self.check("1"))
        try directory.write("b.json", Self.check("2"))
        try await whileRunning(fixture) {
            for half in ["", #"{"cluster_check":true,"inst"#] {
                try directory.write("a.json", half)
                try await pass()
                #expect(urls == ["1", "2"])
                #expect(fixture.problems.count == 1)
            }
            try directory.write("a.json", Self.check("one"))
            try await pass()
            #expect(urls == ["one", "2"])
            #expect(fixture.problems.isEmpty)
            try directory.write("a.json", "{")
            try await pass()
            directory.remove("a.json")
            try await pass()
            #expect(urls == ["2"])
            #expect(fixture.problems.isEmpty)
        }
    }

    @Test func `a projected volume is read again when its link is swapped`() async throws {
        try directory.write("..1/a.json", Self.check("old"))
        try directory.link("..data", to: "..1")
        try directory.link("a.json", to: "..data/a.json")
        try await whileRunning(fixture) {
            #expect(urls == ["old"])
            try await pass()
            try directory.write("..2/a.json", Self.check("new"))
            try directory.link("..data", to: "..2")
            try await pass()
            #expect(urls == ["new"])
            // The link is left with nothing behind it for a moment.
            directory.remove("..2")
            try await pass()
            #expect(urls == ["new"])
            #expect(
                fixture.problems == ["file:\(directory.path)/a.json: cannot read the file: No such file or directory"])
        }
    }

    @Test(arguments: [EACCES, EIO, EMFILE, ENOENT])
    func `a directory that cannot be listed is never taken for empty`(number: Int32) async throws {
        try directory.write("a.json", Self.check("1"))
        try directory.write("b.yaml", "")
        fixture.files.fail(directory.path, with: number)
        let problem = "file:\(directory.path): cannot list the directory: \(systemErrorText(number))"
        try await whileRunning(fixture) {
            #expect(!fixture.isSynced)
            #expect(fixture.problems == [problem])
            fixture.files.fail(directory.path, with: nil)
            try await pass()
            #expect(fixture.isSynced)
            #expect(urls == ["1"])
            #expect(fixture.problems.count == 1)
            fixture.files.fail(directory.path, with: number)
            try await pass()
            #expect(fixture.isSynced)
            #expect(urls == ["1"])
            #expect(fixture.problems.count == 2)
        }
    }

    @Test func `a missing directory is not synced`() async throws {
        let fixture = Fixture(AutoConfOptions(confdPath: "\(directory.path)/none"))
        try await whileRunning(fixture) {
            #expect(!fixture.isSynced)
            #expect(
                fixture.problems == [
                    "file:\(directory.path)/none: cannot list the directory: No such file or directory"
                ])
        }
    }

    @Test(arguments: [(EACCES, true), (EIO, false)])
    func `an unreadable file or subdirectory affects no other and delays the sync only if the error may pass`(
        number: Int32, isSynced: Bool
    ) async throws {
        try directory.write("a.json", Self.check("1"))
        try directory.write("b.d/x.json", Self.check("2"))
        try directory.write("c.json", Self.check("3"))
        for path in ["\(directory.path)/b.d", "\(directory.path)/c.json"] { fixture.files.fail(path, with: number) }
        try await whileRunning(fixture) {
            #expect(urls == ["1"])
            #expect(fixture.isSynced == isSynced)
            #expect(fixture.problems.count == 2)
            for path in ["\(directory.path)/b.d", "\(directory.path)/c.json"] { fixture.files.fail(path, with: nil) }
            try await pass()
            #expect(urls == ["1", "2", "3"])
            #expect(fixture.isSynced)
            #expect(fixture.problems.isEmpty)
            for path in ["\(directory.path)/b.d", "\(directory.path)/c.json"] { fixture.files.fail(path, with: number) }
            try directory.write("c.json", Self.check("three"))
            try await pass()
            #expect(urls == ["1", "2", "3"])
            #expect(fixture.problems.count == 2)
        }
    }

    @Test func `an exceeded limit is an error that names the limit`() async throws {
        try directory.write("a.json", Self.check(String(repeating: "x", count: 1_000)))
        for index in 1...5 { try directory.write("b\(index).json", Self.check("\(index)")) }
        try await whileRunning(fixture) {
            #expect(urls == ["1", "2", "3", "4"])
            #expect(
                fixture.problems == [
                    "file:\(directory.path): 6 files, more than the 5 that are read",
                    "file:\(directory.path)/a.json: cannot read the file: File too large",
                ])
        }
    }

    @Test func `what is not a regular file is not opened`() async throws {
        directory.makeDirectory("a.json")
        let made = unsafe mkfifo("\(directory.path)/b.json", 0o600) == 0
        try #require(made)
        try await whileRunning(fixture) {
            #expect(fixture.problems.map { $0.hasSuffix(": not a regular file") } == [true, true])
            #expect(fixture.files.takeReads().isEmpty)
        }
    }

    @Test func `the set is synced only when both sources have been read`() async throws {
        try directory.write("a.json", Self.check("1"))
        let fixture = Fixture(AutoConfOptions(confdPath: directory.path, watchesServices: true))
        try await whileRunning(fixture) {
            #expect(!fixture.isSynced)
            #expect(fixture.configs.count == 1)
            fixture.autoConf.handle(.replaced([service(["checks": #"{"b":{"instances":[{}]}}"#])]))
            #expect(fixture.isSynced)
            #expect(fixture.configs.map(\.checkName) == ["a", "b"])
        }
    }

    @Test func `run returns when its task is cancelled, with and without a directory`() async throws {
        let fixture = Fixture(AutoConfOptions(watchesServices: true))
        try await whileRunning(fixture) {}
        #expect(fixture.clock.sleeps.value == 1)
    }
}
