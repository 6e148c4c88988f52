import Glibc

// Swift compares strings by canonical equivalence; identity here is by bytes.
extension String {
    /// Whether both strings have the same UTF-8 bytes. `==` also holds for canonically equivalent strings.
    package func hasSameBytes(as other: String) -> Bool {
        let (left, right) = (utf8.span, other.utf8.span)
        guard left.count == right.count else { return false }
        return unsafe left.withUnsafeBytes { left in
            unsafe right.withUnsafeBytes { right in
                guard let left = left.baseAddress, let other = right.baseAddress else { return true }
                return unsafe memcmp(left, other, right.count) == 0
            }
        }
    }

    /// Whether this string sorts before `other` by UTF-8 bytes, an order that is the same on every machine.
    package func isBefore(_ other: String) -> Bool {
        let (left, right) = (utf8.span, other.utf8.span)
        let shorter = min(left.count, right.count)
        for index in 0..<shorter where left[index] != right[index] { return left[index] < right[index] }
        return left.count < right.count
    }
}
