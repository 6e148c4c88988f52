import Glibc
import JSON
import Platform
import TestKit
import Testing
import YAML

/// What is read must be what the agents' Python reads: PyYAML over libyaml, or its own parser where libyaml refuses a
/// text. Where go-yaml decides otherwise before a check gets a value, a table in the script says so.
@Suite struct PyYAMLTests {
    /// Random trees of strings that look like something else, dumped by PyYAML in random styles; the fuzzing corpus
    /// with one or two edits; and the manifests of this repository.
    @Test func `what is read has the same value in PyYAML`() throws {
        let directory = try TemporaryDirectory()
        let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        try directory.write("compare.py", Array(Self.script.utf8))
        let command = "/usr/bin/python3 '\(directory.path)/compare.py' '\(directory.path)' '\(root)' 2>&1"
        #expect(
            try shellOutput(of: command) == "",
            "This test needs /usr/bin/python3 with PyYAML and libyaml (Debian: python3-yaml); Tests/setup/packages installs them."
        )
        var counts: [String: (read: Int, compared: Int)] = [:]
        var encoded: [UInt8] = []
        for line in try readFile("\(directory.path)/cases", atMost: 1 << 28).split(separator: 0x0A) {
            let item = try JSONValue(parsing: Array(line), limits: JSONLimits(bytes: 1 << 24, depth: 200))
            let (kind, text) = (try #require(item["kind"]?.stringValue), try #require(item["text"]?.stringValue))
            let expected = [item["lib"], item["py"]].compactMap { $0?.arrayValue }.first
            do throws(YAMLError) {
                let documents = try YAMLReader.documents(of: Array(text.utf8)).map(\.value)
                counts[kind, default: (0, 0)].read += 1
                encoded += JSONValue.array(documents).encoded() + [0x0A]
                guard let expected else { continue }
                counts[kind, default: (0, 0)].compared += 1
                #expect(Self.isSame(.array(documents), .array(expected)), "\(kind) \(String(reflecting: text))")
            } catch {
                // PyYAML writes what go-yaml reads otherwise without quotes, because it would read a string.
                #expect(kind == "edit" || error.reason.contains("'_' in an odd place"), "\(error): \(text)")
            }
        }
        #expect(counts["tree"]?.compared ?? 0 > 1_900 && counts["file"]?.compared ?? 0 > 20, "\(counts)")
        #expect(counts["edit"]?.read ?? 0 > 2_000 && counts["edit"]?.compared ?? 0 > 2_000, "\(counts)")
        try directory.write("encoded", encoded)
        #expect(try shellOutput(of: command) == "")
    }

    /// Whether both are the same with their types: 1, 1.0 and true are three values.
    private static func isSame(_ left: JSONValue, _ right: JSONValue) -> Bool {
        switch (left, right) {
        case (.number(let left), .number(let right)):
            isFloat(left) == isFloat(right) && (isFloat(left) ? Double(left) == Double(right) : left == right)
        case (.array(let left), .array(let right)): left.count == right.count && zip(left, right).allSatisfy(isSame)
        case (.object(let left), .object(let right)):
            left.count == right.count && left.allSatisfy { key, value in right[key].map { isSame(value, $0) } ?? false }
        default: left == right
        }
    }

    private static func isFloat(_ number: String) -> Bool {
        number.utf8.contains { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "e") }
    }

    private static let script = #"""
        import json, os, pathlib, random, re, sys, yaml

        FOLDER, ROOT = map(pathlib.Path, sys.argv[1:3])
        # What go-yaml takes a scalar without quotes for where PyYAML takes it for something else.
        DIFFERENCES = [(re.compile(pattern + "$"), "tag:yaml.org,2002:" + tag) for pattern, tag in [
            ("[yYnN]", "bool"),
            (r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+", "float"), (r"[-+]\.[0-9]+", "float"),
            ("[-+]?0[oO][0-7]+", "int"), ("[-+]?0X[0-9a-fA-F]{1,15}", "int"), ("[-+]?0B[01]+", "int"),
            ("[-+]?0[0-9]*[89][0-9]*", "int"),
            (r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?", "str"), ("[0-9]{4}-[0-9].*", "str"), ("=", "str"),
        ]]

        def agent_loader(base):
            class Loader(base):
                bool_values = {**base.bool_values, "y": True, "n": False}

                def resolve(self, kind, value, implicit):
                    if kind is yaml.ScalarNode and implicit[0]:
                        for pattern, tag in DIFFERENCES:
                            if pattern.match(value):
                                return tag
                    return super().resolve(kind, value, implicit)

                def construct_mapping(self, node, deep=False):
                    self.flatten_mapping(node)
                    # A key is its text, as in JSON.
                    return {self.text(key): self.construct_object(value, deep=True) for key, value in node.value}

                def text(self, node):
                    if not isinstance(node, yaml.ScalarNode):
                        raise ValueError("a key that is no scalar")
                    return node.value

                def integer(self, node):
                    text = node.value.replace("_", "")
                    sign, digits = (-1 if text[0] == "-" else 1), text.lstrip("+-").lower()
                    if digits[:2] in ("0x", "0b", "0o"):
                        return sign * int(digits, 0)
                    is_octal = digits[0] == "0" and not set(digits) & {"8", "9"}
                    return sign * int(digits, 8 if is_octal else 10)

                def floating(self, node):
                    is_integer = re.match("[-+]?[0-9][0-9_]*$|[-+]?0[xXbBoO]", node.value)
                    return float(self.integer(node)) if is_integer else self.construct_yaml_float(node)

                def binary(self, node):
                    return self.construct_yaml_binary(node).decode()

                def mapping(self, node):
                    return self.construct_mapping(node)

            Loader.add_constructor("tag:yaml.org,2002:int", Loader.integer)
            Loader.add_constructor("tag:yaml.org,2002:float", Loader.floating)
            Loader.add_constructor("tag:yaml.org,2002:binary", Loader.binary)
            Loader.add_constructor("tag:yaml.org,2002:map", Loader.mapping)
            Loader.add_constructor("tag:yaml.org,2002:timestamp", Loader.construct_yaml_str)
            return Loader

        LIB, PY = agent_loader(yaml.CSafeLoader), agent_loader(yaml.SafeLoader)

        def read(text, loader):
            """The documents; None if it cannot be read or JSON cannot hold it."""
            try:
                documents = list(yaml.load_all(text, Loader=loader))
                json.dumps(documents, allow_nan=False)
                return documents
            except Exception:
                return None

        STRINGS = """yes|NO|on|off|y|n|~|null|Null|true|1e3|1E+3|0x10|0X1F|010|08|0b1|0B1|0o7|1_000|-.5|.5|5.|1.0|12:30:45|1:30
        2001-12-14|2001-12-14 21:59:43|<<|=|!!int 1|&a|*a|- a|-a|? a|?|: a|:a|a: b|a:b|a :b|# c|a # c|a#c|%%host%%|100%|%a|{}|{a|[]|a]
        '|it's|"|a"b|@a|`a`|---|--- a|...|-|--|,|a, b|\\\\|a\\\\nb|é|日本|😀|\\u00a0|http://h:80/p?q=1#f|/a/b.c|key=value|1,000|5m|10.0.0.1
        a b|99999999999999999999|-7|+7|1.5e-7|TRUE|tags|name|||a||||>|>-|!|!a b""".replace("\n        ", "|").split("|")
        STRINGS += ["", " ", "  a", "a  ", "a\nb", "a\n", "\na", "a\n\nb\n", "a\n  b\nc\n", "\ta", "a\tb", "a \nb", "\n", "\n\n", " a\nb\n",
            "a\u2028b", "\u0085", "\x00", "\x1b", "\ufeff", "\u200b", "a" * 200, "word " * 40, "|", "||", "# a\nb", "a: |\n  b\n"]

        def tree(dice, depth):
            kind = dice.random()
            if depth == 0 or kind < 0.5:
                return dice.choice([lambda: dice.choice(STRINGS)] * 6 + [
                    lambda: None, lambda: dice.random() < 0.5, lambda: dice.randrange(-999, 999), lambda: dice.randrange(2**70),
                    lambda: dice.random() * 10 ** dice.randrange(-9, 9)])()
            items = [tree(dice, depth - 1) for _ in range(dice.randrange(5))]
            if items and dice.random() < 0.2:
                # The same object twice becomes an anchor and an alias.
                items.append(items[0])
            keys = [key for key in dice.sample(STRINGS, len(items))]
            return items if kind < 0.7 else {key: item for key, item in zip(keys, items) if key != "<<"}

        def dump(dice, value):
            style = dice.choice([None, None, None, '"', "'", "|", ">"])
            return yaml.dump(value, Dumper=dice.choice([yaml.SafeDumper, yaml.CSafeDumper]), default_style=style,
                default_flow_style=dice.choice([None, True, False]), indent=dice.choice([2, 3, 4, 8]), width=dice.choice([10, 40, 80, 1000]),
                allow_unicode=dice.random() < 0.5, explicit_start=dice.random() < 0.2, explicit_end=dice.random() < 0.1)

        SIGNS = [*" \n-:#[]{},&*!|>'\"%@`?~\ta1", "  ", "\n ", ": ", "- ", "? ", "<<: ", "\n\n", "\r\n", "---\n", " #"]

        def edit(dice, text):
            for _ in range(dice.choice([1, 1, 2])):
                place, kind = dice.randrange(len(text) + 1), dice.randrange(3)
                text = text[:place] + (dice.choice(SIGNS) if kind else "") + text[place + (kind != 1):]
            return text

        def cases():
            dice = random.Random(1)
            for _ in range(2_500):
                text = dump(dice, tree(dice, 4))
                # Without the tag `!` and raw line breaks of YAML 1.1, which are refused.
                if not re.search("! |[\x85\u2028]", text):
                    yield "tree", text
            corpus = [path.read_bytes() for path in sorted((ROOT / "Tests/Fuzz/corpus/yaml").iterdir())]
            texts = [text.decode() for text in corpus if len(text) < 400 and text.isascii()]
            texts = [text for text in texts if len(text) > 20 and read(text, LIB) is not None]
            for _ in range(8_000):
                yield "edit", edit(dice, dice.choice(texts))
            # Templates are no YAML yet.
            for path in sorted(p for p in (ROOT / "manifests").rglob("*.yaml") if p.parent.name != "templates"):
                yield "file", path.read_text()

        def same(left, right):
            if type(left) is not type(right):
                return False
            if isinstance(left, dict):
                return sorted(left) == sorted(right) and all(same(left[key], right[key]) for key in left)
            if isinstance(left, list):
                return len(left) == len(right) and all(map(same, left, right))
            return left == right

        if (FOLDER / "encoded").exists():
            # The other way: what was written must be to PyYAML as it is what it is as JSON.
            for index, line in enumerate((FOLDER / "encoded").read_bytes().decode().split("\n")[:-1]):
                for loader in [yaml.CSafeLoader] + [yaml.SafeLoader] * (index % 10 == 0):
                    if not same(json.loads(line), yaml.load(line, Loader=loader)):
                        print(loader.__name__, "reads otherwise", line[:300])
        else:
            with open(FOLDER / "cases", "w") as output:
                for kind, text in cases():
                    case = {"kind": kind, "text": text, "lib": read(text, LIB), "py": None}
                    if case["lib"] is None:
                        case["py"] = read(text, PY)
                    output.write(json.dumps(case) + "\n")
        """#
}
