/// Wall time as a calendar date and time of day, in UTC and the proleptic Gregorian calendar.
package struct CivilTime: Hashable, Sendable {
    /// Year 0 and below are before the common era.
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
    /// 0 to 59: Unix time has no leap seconds.
    package let second: Int
    /// 0 to 999,999,999.
    package let nanosecond: Int

    /// Converts `time` with Howard Hinnant's `civil_from_days` (https://howardhinnant.github.io/date_algorithms.html).
    package init(_ time: WallTime) {
        let (seconds, nanosecond) = Self.floorDivision(Int(time.nanoseconds), by: 1_000_000_000)
        let (days, second) = Self.floorDivision(seconds, by: 86_400)
        let (era, dayOfEra) = Self.floorDivision(days + 719_468, by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        // 1970-01-01 was a Thursday.
        weekday = Self.floorDivision(days + 4, by: 7).remainder
        (hour, minute) = (second / 3600, second / 60 % 60)
        self.second = second % 60
        self.nanosecond = nanosecond
    }

    /// The date and time in RFC 3339 without fraction and zone: `2026-01-02T03:04:05`.
    package var text: String {
        let date = "\(zeroPadded(year, width: 4))-\(zeroPadded(month, width: 2))-\(zeroPadded(day, width: 2))"
        return "\(date)T\(clockText)"
    }

    /// The time of day: `03:04:05`.
    package var clockText: String {
        "\(zeroPadded(hour, width: 2)):\(zeroPadded(minute, width: 2)):\(zeroPadded(second, width: 2))"
    }

    private static func floorDivision(_ number: Int, by divisor: Int) -> (quotient: Int, remainder: Int) {
        let (quotient, remainder) = number.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}

/// Wall time in RFC 3339, in UTC with milliseconds: `2026-01-02T03:04:05.678Z`.
package func timestamp(_ time: WallTime) -> String {
    let civil = CivilTime(time)
    return "\(civil.text).\(zeroPadded(civil.nanosecond / 1_000_000, width: 3))Z"
}
