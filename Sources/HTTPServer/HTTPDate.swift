import Platform

/// The `Date` line of responses, made once a second.
struct DateLine {
    private var second = Int64.min
    /// `Date: Sun, 06 Nov 1994 08:49:37 GMT` and CRLF.
    private(set) var bytes: [UInt8] = []

    /// Makes the line anew if the second has changed.
    mutating func update(_ time: WallTime) {
        let (second, nanoseconds) = time.nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        let floor = nanoseconds < 0 ? second - 1 : second
        guard floor != self.second else { return }
        self.second = floor
        bytes = Array("Date: \(imfFixdate(secondsSinceEpoch: floor))\r\n".utf8)
    }
}

/// A time in HTTP's own form (RFC 9110 §5.6.7).
func imfFixdate(secondsSinceEpoch seconds: Int64) -> String {
    let days = Int((seconds - (seconds % 86_400 + 86_400) % 86_400) / 86_400)
    let second = Int(seconds) - days * 86_400
    let (year, month, day) = civilDate(daysSinceEpoch: days)
    let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let date = "\(zeroPadded(day, width: 2)) \(months[month - 1]) \(zeroPadded(year, width: 4))"
    let time = [second / 3_600, second / 60 % 60, second % 60].map { zeroPadded($0, width: 2) }.joined(separator: ":")
    return "\(weekdays[(days % 7 + 7) % 7]), \(date) \(time) GMT"
}

/// The Gregorian date of a day: Howard Hinnant's `civil_from_days` (https://howardhinnant.github.io/date_algorithms.html).
private func civilDate(daysSinceEpoch days: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
}
