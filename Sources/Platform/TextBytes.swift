import Glibc

// Swift compares strings by canonical equivalence; identity here is by bytes.
extension String {
    /// Whether both strings have the same UTF-8 bytes. `==` also holds for canonically equivalent strings.
    @usableFromInline
    package func hasSameBytes(as other: String) -> Bool {
        utf8.count == other.utf8.count && order(to: other) == 0
    }

    /// Whether this string sorts before `other` by UTF-8 bytes, an order that is the same on every machine.
    @usableFromInline
    package func isBefore(_ other: String) -> Bool {
        let order = order(to: other)
        return order != 0 ? order < 0 : utf8.count < other.utf8.count
    }

    /// How the bytes that both have compare: negative, 0 or positive.
    private func order(to other: String) -> Int32 {
        let (left, right) = (utf8.span, other.utf8.span)
        return unsafe left.withUnsafeBytes { left in
            unsafe right.withUnsafeBytes { right in
                guard let first = left.baseAddress, let second = right.baseAddress else { return 0 }
                return unsafe memcmp(first, second, min(left.count, right.count))
            }
        }
    }
}
