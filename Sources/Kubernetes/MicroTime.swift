package import Platform

/// Kubernetes' `MicroTime`: RFC 3339 in UTC with exactly six fractional digits. With any other number of digits the API
/// server answers 400.
package enum MicroTime {
    /// The text of `time`, such as `2026-01-02T03:04:05.000000Z`; nanoseconds are cut.
    package static func text(_ time: WallTime) -> String {
        let (seconds, nanoseconds) = dividedDown(time.nanoseconds, by: 1_000_000_000)
        let (days, second) = dividedDown(seconds, by: 86_400)
        let (year, month, day) = civilDate(daysSinceEpoch: days)
        let date = "\(zeroPadded(year, width: 4))-\(zeroPadded(month, width: 2))-\(zeroPadded(day, width: 2))"
        let hour = zeroPadded(second / 3600, width: 2)
        let minute = zeroPadded(second / 60 % 60, width: 2)
        return "\(date)T\(hour):\(minute):\(zeroPadded(second % 60, width: 2))"
            + ".\(zeroPadded(nanoseconds / 1000, width: 6))Z"
    }

    private static func dividedDown(_ number: Int64, by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = number.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    /// The proleptic Gregorian date, by Howard Hinnant's `civil_from_days`.
    private static func civilDate(daysSinceEpoch days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = dividedDown(days + 719_468, by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}
