import Glibc
import Platform
import TestKit
import Testing

@Suite struct FileReadingTests {
    @Test func `a missing file is an error with the system's reason`() {
        #expect(throws: FileError(path: "/nonexistent/token", number: ENOENT)) {
            try readFile("/nonexistent/token", atMost: 10)
        }
    }

    @Test func `a file over the limit is refused`() throws {
        let folder = try TemporaryDirectory()
        try writeFile("\(folder.path)/token", Array(repeating: 65, count: 11))
        #expect(throws: FileError(path: "\(folder.path)/token", number: EFBIG)) {
            try readFile("\(folder.path)/token", atMost: 10)
        }
        #expect(try readFile("\(folder.path)/token", atMost: 11).count == 11)
    }

    /// A pipe without a writer would be an empty file.
    @Test func `a pipe, a socket, a device and a folder are no files, and a link to a file is one`() throws {
        let folder = try TemporaryDirectory()
        let (pipe, socketPath) = ("\(folder.path)/pipe", "\(folder.path)/socket")
        #expect(unsafe mkfifo(pipe, 0o600) == 0)
        #expect(unsafe mknod(socketPath, S_IFSOCK | 0o600, 0) == 0)
        for path in [pipe, socketPath, "/dev/zero", "/dev/null", folder.path] {
            do throws(FileError) {
                let contents = try readFile(path, atMost: 10)
                Issue.record("\(path) is read as \(contents)")
            } catch {
                #expect(error.description == "\(path): not a regular file")
            }
        }
        let writer = unsafe open(pipe, O_RDWR)
        #expect(unsafe write(writer, "token", 5) == 5)
        #expect(throws: FileError.self) { try readFile(pipe, atMost: 10) }
        close(writer)
        // As a mounted ConfigMap has them: the name is a link into a folder that is a link.
        try folder.write("..2026/token", "one")
        #expect(unsafe symlink("..2026", "\(folder.path)/..data") == 0)
        #expect(unsafe symlink("..data/token", "\(folder.path)/token") == 0)
        #expect(try readFile("\(folder.path)/token", atMost: 10) == Array("one".utf8))
    }

    @Test func `a changed file is read again after the interval and the last good text is kept`() throws {
        let folder = try TemporaryDirectory()
        let path = "\(folder.path)/token"
        let clock = ManualClock()
        try writeFile(path, Array(" one \n".utf8))
        let file = try RereadFile(path, every: .seconds(60), clock: clock)
        try writeFile(path, Array("two".utf8))
        #expect(file.text == "one")
        clock.advance(by: .seconds(61))
        #expect(file.text == "two")
        try writeFile(path, [])
        #expect(file.reread() == "two")
        #expect(file.problem == FileError(path: path, reason: "empty"))
        unsafe unlink(path)
        #expect(file.reread() == "two")
        try writeFile(path, Array("three".utf8))
        #expect(file.reread() == "three")
        #expect(file.problem == nil)
    }

    @Test func `an invalid first reading is an error`() throws {
        let folder = try TemporaryDirectory()
        try writeFile("\(folder.path)/token", [])
        #expect(throws: FileError(path: "\(folder.path)/token", reason: "empty")) {
            try RereadFile("\(folder.path)/token", every: .seconds(1), clock: ManualClock())
        }
    }

    @Test func `a written file replaces a link, leaves what the link named alone, and keeps a file's mode`() throws {
        let folder = try TemporaryDirectory()
        let (victim, path) = (try folder.write("victim", "precious"), "\(folder.path)/certificate.pem")
        #expect(unsafe symlink(victim, path) == 0)
        // The name under which the new file was once written.
        #expect(unsafe symlink(victim, "\(path).new") == 0)
        try writeFile(path, Array("one".utf8))
        #expect(try readFile(victim, atMost: 100) == Array("precious".utf8))
        #expect(try readFile(path, atMost: 100) == Array("one".utf8))
        #expect(unsafe chmod(path, 0o640) == 0)
        try writeFile(path, Array("two".utf8))
        var status = stat()
        #expect(unsafe lstat(path, &status) == 0 && status.st_mode == S_IFREG | 0o640)
        #expect(try readFile(path, atMost: 100) == Array("two".utf8))
    }

    @Test func `a file that cannot be written leaves nothing behind`() throws {
        let folder = try TemporaryDirectory()
        let path = try folder.write("target/inner", "x").replacing("/inner", with: "")
        #expect(throws: FileError.self) { try writeFile(path, Array("one".utf8)) }
        let names = unsafe try #require(opendir(folder.path))
        defer { unsafe closedir(names) }
        var count = 0
        while unsafe readdir(names) != nil { count += 1 }
        #expect(count == 3, "only . and .. and the folder")
    }

    @Test(arguments: [
        (Int64(0), "1970-01-01T00:00:00.000Z"), (1_767_323_045_678_000_000, "2026-01-02T03:04:05.678Z"),
        (951_782_399_999_000_000, "2000-02-28T23:59:59.999Z"), (951_782_400_000_000_000, "2000-02-29T00:00:00.000Z"),
        (4_107_542_400_000_000_000, "2100-03-01T00:00:00.000Z"),
    ])
    func `wall time is written as RFC 3339`(nanoseconds: Int64, text: String) {
        #expect(timestamp(WallTime(nanoseconds: nanoseconds)) == text)
    }
}
