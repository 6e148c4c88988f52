import JSON
import Platform
import Testing
import YAML

@Suite struct TagTests {
    @Test(arguments: [
        ("!!str 1", #""1""#), ("!!str", #""""#), ("!!str ~", #""~""#), ("!!str 'a'", #""a""#), ("!!int 12", "12"),
        ("!!int '12'", "12"), ("!!int \"0x1F\"", "31"), ("!!int 99999999999999999999", "99999999999999999999"),
        ("!!float 1.5", "1.5"), ("!!float '1.5'", "1.5"), ("!!float 3", "3.0"), ("!!float 1e3", "1.0e+3"),
        ("!!bool yes", "true"), ("!!bool 'off'", "false"), ("!!bool \"y\"", "true"), ("!!null ''", "null"),
        ("!!null ~", "null"), ("!!null", "null"), ("!!binary aGVsbG8=", #""hello""#),
        ("!!binary |\n  aGVs\n  bG8=\n", #""hello""#), ("!!timestamp 2001-01-01", #""2001-01-01""#),
        ("!!timestamp x", #""x""#), ("!!seq [a]", #"["a"]"#), ("!!seq\n- a", #"["a"]"#),
        ("!!map {a: b}", #"{"a":"b"}"#),
        ("!!map\n  a: b", #"{"a":"b"}"#), ("&x !!str 1", #""1""#), ("!!str &x 1", #""1""#), ("!!str\n  1", #""1""#),
        ("&x\n  !!str 1", #""1""#), ("!!str # c\n  1", #""1""#),
    ])
    func `a standard tag is followed`(text: String, json: String) throws {
        #expect(try JSONValue(yaml: "a: " + text) == .object(["a": try JSONValue(parsing: json)]))
    }

    @Test(arguments: [
        ("!!int 1.5", "line 1, column 10: the tag !!int does not fit this value"),
        ("!!int x", "line 1, column 10: the tag !!int does not fit this value"),
        ("!!int 1:30", "line 1, column 10: the tag !!int does not fit this value"),
        ("!!int", "line 1, column 4: the tag !!int does not fit this value"),
        ("!!float x", "line 1, column 12: the tag !!float does not fit this value"),
        ("!!float .inf", "line 1, column 12: the tag !!float does not fit this value"),
        ("!!bool 1", "line 1, column 11: the tag !!bool does not fit this value"),
        ("!!null abc", "line 1, column 11: the tag !!null does not fit this value"),
        ("!!seq {a: b}", "line 1, column 4: the tag !!seq does not fit a map"),
        ("!!map [a]", "line 1, column 4: the tag !!map does not fit a list"),
        ("!!str [a]", "line 1, column 4: the tag !!str does not fit a list"),
        ("!!map x", "line 1, column 10: the tag !!map does not fit this value"),
        ("!!binary aGVs bG8=", "line 1, column 13: expected base64 after !!binary"),
        ("!!binary /w==", "line 1, column 13: what !!binary stands for is not UTF-8, which JSON needs"),
        ("!!str !!int 1", "line 1, column 10: two tags on one value"),
        ("!!str\n  !!int 1", "line 2, column 3: two tags on one value"),
        ("&x &y 1", "line 1, column 7: two anchors on one value"),
    ])
    func `a tag that does not fit is refused`(text: String, error: String) {
        #expect(refusal(of: "a: " + text) == error)
    }

    @Test(arguments: [
        ("!!set {a}", "the tag !!set"), ("!!omap [a: b]", "the tag !!omap"), ("!!pairs [a: b]", "the tag !!pairs"),
        ("!!foo x", "a tag that is not standard"), ("!!python/object:os.system x", "a tag that is not standard"),
        ("!x y", "a tag that is not standard"), ("!<tag:yaml.org,2002:str> y", "a tag that is not standard"),
        ("! 12", "a tag that is not standard"),
    ])
    func `every other tag is refused by name`(text: String, name: String) {
        let known = "!!str, !!int, !!float, !!bool, !!null, !!binary, !!timestamp, !!seq or !!map"
        let reason = "\(name) is not supported; expected \(known), or quotes if it is text"
        #expect(refusal(of: "a: " + text) == "line 1, column 4: \(reason)")
    }
}

/// The error of a text; nil if it is read.
func refusal(of text: String, limits: YAMLLimits = YAMLLimits()) -> String? {
    do throws(YAMLError) {
        _ = try JSONValue(yaml: text, limits: limits)
        return nil
    } catch {
        return error.description
    }
}
