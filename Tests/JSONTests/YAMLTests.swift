import Glibc
import JSON
import Platform
import TestKit
import Testing

/// Agents read instances with YAML 1.1 parsers. PyYAML, with its own parser and with libyaml, must read what we encode
/// as JSON parsers do.
@Suite struct YAMLTests {
    @Test func `YAML parsers read encoded values as JSON parsers do`() throws {
        let directory = try TemporaryDirectory()
        let random = RandomJSON(seed: 2)
        var lines: [UInt8] = []
        var count = 0
        func add(_ value: JSONValue) {
            lines += value.encoded() + [UInt8(ascii: "\n")]
            count += 1
        }
        for row in JSONEncodingTests.rows { add(row.value) }
        for row in JSONParsingTests.valid { add(row.value) }
        add(.object([ExactText(String(repeating: "k", count: 1_000)): .number("1")]))
        add(.object([ExactText(String(repeating: "\u{1}", count: 166)): .number("1")]))
        add(.array([.string(String(repeating: "long ", count: 10_000))]))
        for code in UInt32(0)...0xFFFF {
            guard let scalar = Unicode.Scalar(code), code < 0x3100 || code > 0xD700 else { continue }
            add(.object([ExactText(String(Character(scalar))): .string("a\(scalar) b")]))
        }
        for _ in 0..<2_000 { add(random.value()) }
        try directory.write("cases", lines)
        try directory.write("compare.py", Array(Self.script.utf8))

        let output = try shellOutput(
            of: "/usr/bin/python3 '\(directory.path)/compare.py' '\(directory.path)/cases' 2>&1")
        #expect(
            output == "compared \(count)\n",
            "This test needs /usr/bin/python3 with PyYAML and libyaml (Debian: python3-yaml); Tests/setup/packages installs them."
        )
    }

    private static let script = #"""
        import json, sys, yaml

        def same(a, b):
            if type(a) is not type(b):
                return False
            if isinstance(a, dict):
                return list(sorted(a)) == list(sorted(b)) and all(same(a[k], b[k]) for k in a)
            if isinstance(a, list):
                return len(a) == len(b) and all(map(same, a, b))
            return a == b

        count = 0
        for line in open(sys.argv[1], encoding="utf-8", newline="\n"):
            for loader in (yaml.SafeLoader, yaml.CSafeLoader):
                if len(line) > 1000 and count > 100 and loader is yaml.SafeLoader:
                    continue
                expected, actual = json.loads(line), yaml.load(line, Loader=loader)
                if not same(expected, actual):
                    sys.exit(f"{loader.__name__} reads {line[:300]!r} as {str(actual)[:300]!r}")
            count += 1
        print("compared", count)
        """#
}
