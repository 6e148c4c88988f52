/// Wall time as people read it: a date of the proleptic Gregorian calendar and a time of day, in UTC.
package struct CivilTime: Hashable, Sendable {
    /// The year; 0 and below are before the common era.
    package let year: Int
    /// 1 to 12.
    package let month: Int
    /// 1 to 31.
    package let day: Int
    /// 0 (Sunday) to 6.
    package let weekday: Int
    /// 0 to 23.
    package let hour: Int
    /// 0 to 59.
    package let minute: Int
    /// 0 to 59; there are no leap seconds in wall time.
    package let second: Int
    /// 0 to 999,999,999.
    package let nanosecond: Int

    /// The date and time of day of `time`, by Howard Hinnant's `civil_from_days`
    /// (https://howardhinnant.github.io/date_algorithms.html).
    package init(_ time: WallTime) {
        let (seconds, nanosecond) = Self.dividedDown(Int(time.nanoseconds), by: 1_000_000_000)
        let (days, second) = Self.dividedDown(seconds, by: 86_400)
        let (era, dayOfEra) = Self.dividedDown(days + 719_468, by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        // 1970-01-01 was a Thursday.
        weekday = Self.dividedDown(days + 4, by: 7).remainder
        (hour, minute) = (second / 3600, second / 60 % 60)
        self.second = second % 60
        self.nanosecond = nanosecond
    }

    /// The date and time as RFC 3339 writes them, without fraction and zone: `2026-01-02T03:04:05`.
    package var text: String {
        let date = "\(zeroPadded(year, width: 4))-\(zeroPadded(month, width: 2))-\(zeroPadded(day, width: 2))"
        return "\(date)T\(clockText)"
    }

    /// The time of day: `03:04:05`.
    package var clockText: String {
        "\(zeroPadded(hour, width: 2)):\(zeroPadded(minute, width: 2)):\(zeroPadded(second, width: 2))"
    }

    private static func dividedDown(_ number: Int, by divisor: Int) -> (quotient: Int, remainder: Int) {
        let (quotient, remainder) = number.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}

/// Wall time as RFC 3339 in UTC with milliseconds, such as `2026-01-02T03:04:05.678Z`.
package func timestamp(_ time: WallTime) -> String {
    let civil = CivilTime(time)
    return "\(civil.text).\(zeroPadded(civil.nanosecond / 1_000_000, width: 3))Z"
}
