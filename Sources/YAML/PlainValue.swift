import JSON

/// Why a scalar has no value that all readers read alike.
struct ScalarFault: Error {
    let reason: String

    init(_ reason: String) {
        self.reason = reason
    }
}

extension JSONValue {
    /// What a scalar without quotes stands for. The exact spelling decides: `yes` is true, `yEs` is a string.
    init(plain text: String, longestNumber: Int) throws(ScalarFault) {
        self = .string(text)
        // Only a few first letters begin something else than a string.
        guard let first = text.utf8.first else {
            self = .null
            return
        }
        switch first {
        case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "0")...UInt8(ascii: "9"):
            if Self.isInfinityOrNaN(text) { throw ScalarFault("infinity and NaN, which JSON does not have; quote it") }
            if let number = try YAMLNumber(text, longest: longestNumber) { self = .number(number.json) }
        case UInt8(ascii: "~"), UInt8(ascii: "n"), UInt8(ascii: "N"), UInt8(ascii: "t"), UInt8(ascii: "T"),
            UInt8(ascii: "f"), UInt8(ascii: "F"), UInt8(ascii: "y"), UInt8(ascii: "Y"), UInt8(ascii: "o"),
            UInt8(ascii: "O"):
            if text.utf8.count <= 5, let word = Self.word(text) { self = word }
        default: break
        }
    }

    private static func word(_ text: String) -> JSONValue? {
        switch text {
        case "~", "null", "Null", "NULL": .null
        case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON": .bool(true)
        case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF": .bool(false)
        default: nil
        }
    }

    private static func isInfinityOrNaN(_ text: String) -> Bool {
        switch text {
        case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF", ".nan", ".NaN", ".NAN": true
        default: false
        }
    }
}
