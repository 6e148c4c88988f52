import Glibc

// Swift compares strings by canonical equivalence; identity here is by bytes.
extension String {
    /// Whether both strings have the same UTF-8 bytes. `==` also holds for canonically equivalent strings.
    @usableFromInline
    package func hasSameBytes(as other: String) -> Bool {
        let (left, right) = (utf8.span, other.utf8.span)
        return left.count == right.count && left.order(to: right) == 0
    }

    /// Whether this string sorts before `other` by UTF-8 bytes, an order that is the same on every machine.
    @usableFromInline
    package func isBefore(_ other: String) -> Bool {
        let (left, right) = (utf8.span, other.utf8.span)
        let order = left.order(to: right)
        return order != 0 ? order < 0 : left.count < right.count
    }
}

extension Span<UInt8> {
    /// How the bytes that both have compare: negative, 0 or positive.
    fileprivate func order(to other: Span<UInt8>) -> Int32 {
        unsafe withUnsafeBytes { left in
            unsafe other.withUnsafeBytes { right in
                guard let first = left.baseAddress, let second = right.baseAddress else { return 0 }
                return unsafe memcmp(first, second, min(left.count, right.count))
            }
        }
    }
}
