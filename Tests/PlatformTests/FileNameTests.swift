import Platform
import TestKit
import Testing

@Suite struct FileNameTests {
    private func bytes(_ path: String) -> [UInt8] {
        FileName.bytes(of: path).dropLast().map { UInt8(bitPattern: $0) }
    }

    @Test(
        arguments: [
            ([0x61, 0xC3, 0xA9], "a\u{E9}"), ([0x61, 0xFF, 0x2E], #"a\xff."#), ([0xC3, 0xA9, 0x80], #"\xc3\xa9\x80"#),
            ([0x5C, 0x78, 0x66], #"\xf"#), ([], ""),
        ] as [([UInt8], String)])
    func `a name that is not UTF-8 has a text that leads back to it`(name: [UInt8], text: String) {
        #expect(FileName.text(of: name) == text)
        #expect(bytes(text) == name)
    }

    @Test func `a file that exists as it is written is meant`() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write(#"\xff"#, "x")
        #expect(bytes(path) == Array(path.utf8))
        #expect(bytes("\(directory.path)/\\xfe").last == 0xFE)
    }
}
