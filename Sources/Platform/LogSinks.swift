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
                let digits = String(character.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
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

/// Wall time as RFC 3339 in UTC with milliseconds, such as `2026-01-02T03:04:05.678Z`.
package func timestamp(_ time: WallTime) -> String {
    let seconds = time.nanoseconds / 1_000_000_000
    let (year, month, day) = civilDate(day: seconds / 86_400)
    let clock = [seconds / 3600 % 24, seconds / 60 % 60, seconds % 60].map { zeroPadded($0, width: 2) }
    let date = "\(year)-\(zeroPadded(month, width: 2))-\(zeroPadded(day, width: 2))"
    return "\(date)T\(clock.joined(separator: ":")).\(zeroPadded(time.nanoseconds / 1_000_000 % 1000, width: 3))Z"
}

/// The date of the `day`th day after 1970-01-01 (Howard Hinnant, "chrono-compatible low-level date algorithms").
package func civilDate(day: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = day + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
}
