import Glibc

/// Writes log lines to standard error with one `write` per line, so that lines of different threads do not mix.
struct StandardErrorLog: LogSink {
    private let isJSON: Bool
    private let clock: any Clock

    /// A sink that writes one JSON object per line if `isJSON`, else `time LEVEL component: message field=value`.
    init(isJSON: Bool, clock: any Clock) {
        self.isJSON = isJSON
        self.clock = clock
    }

    /// Writes the line. It is lost if standard error is full or closed.
    func write(_ line: LogLine) {
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

    /// `value` as a JSON string. Control characters are escaped, so that input cannot forge a line or move the cursor
    /// of a terminal.
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

/// Writes a line to standard error with one `write`. It is lost if standard error is closed.
func writeToStandardError(_ line: String) {
    let text = Array((line + "\n").utf8)
    _ = unsafe text.withUnsafeBytes { unsafe Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
}
