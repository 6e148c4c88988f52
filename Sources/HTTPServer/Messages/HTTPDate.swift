import Platform

/// The `Date` line of responses, made once a second.
struct DateLine {
    private var second = Int64.min
    /// `Date: Sun, 06 Nov 1994 08:49:37 GMT` and CRLF.
    private(set) var bytes: [UInt8] = []

    /// Makes the line anew if the second has changed.
    mutating func update(_ time: WallTime) {
        let second = time.nanoseconds / 1_000_000_000
        guard second != self.second else { return }
        self.second = second
        bytes = Array("Date: \(imfFixdate(time))\r\n".utf8)
    }
}

/// A time in HTTP's own form (RFC 9110 §5.6.7).
func imfFixdate(_ time: WallTime) -> String {
    let civil = CivilTime(time)
    let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let date = "\(zeroPadded(civil.day, width: 2)) \(months[civil.month - 1]) \(zeroPadded(civil.year, width: 4))"
    return "\(weekdays[civil.weekday]), \(date) \(civil.clockText) GMT"
}
