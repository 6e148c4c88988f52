import Glibc

/// Writes log lines to standard error, one `write` each, so that lines of several threads do not mix.
package struct StandardErrorLog: LogSink {
    private let isJSON: Bool
    private let clock: any Clock

    /// A sink; `isJSON` chooses one JSON object a line in place of `time LEVEL component: message field=value`.
    package init(isJSON: Bool, clock: any Clock) {
        self.isJSON = isJSON
        self.clock = clock
    }

    /// Writes the line; a full or closed standard error loses it.
    package func write(_ line: LogLine) {
        let time = timestamp(clock.wallTime())
        writeToStandardError(isJSON ? Self.json(line, time) : Self.plain(line, time))
    }

    static func plain(_ line: LogLine, _ time: String) -> String {
        let component = line.component.isEmpty ? "" : " \(line.component):"
        return line.fields.reduce("\(time) \(line.level.name.uppercased())\(component) \(line.message)") {
            text, field in
            "\(text) \(field.name)=\(isBare(field.value) ? field.value : quoted(field.value))"
        }
    }

    static func json(_ line: LogLine, _ time: String) -> String {
        let fixed = [
            ("time", time), ("level", line.level.name), ("component", line.component), ("message", line.message),
        ]
        let members = (fixed + line.fields).map { "\(quoted($0.0)):\(quoted($0.1))" }
        return "{" + members.joined(separator: ",") + "}"
    }

    private static func isBare(_ value: String) -> Bool {
        !value.isEmpty
            && value.unicodeScalars.allSatisfy {
                $0.value > 0x20 && $0 != "\"" && $0 != "\\" && !(0x7F..<0xA0).contains($0.value)
            }
    }

    /// A JSON string; control characters escaped, so that nothing from outside can forge a line or move a terminal's cursor.
    private static func quoted(_ value: String) -> String {
        var text = "\""
        for character in value.unicodeScalars {
            switch character {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case _ where character.value < 0x20 || (character.value >= 0x7F && character.value < 0xA0):
                text += "\\u" + zeroPadded(character.value, width: 4, radix: 16)
            default: text.unicodeScalars.append(character)
            }
        }
        return text + "\""
    }
}

/// Writes one line to standard error in one `write`; a closed standard error loses it.
package func writeToStandardError(_ line: String) {
    let text = Array((line + "\n").utf8)
    _ = unsafe text.withUnsafeBytes { unsafe Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
}
