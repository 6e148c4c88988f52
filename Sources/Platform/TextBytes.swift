// Swift compares strings by canonical equivalence; identity here is by bytes.
extension String {
    /// Whether both strings have the same UTF-8 bytes. `==` also holds for canonically equivalent strings.
    package func hasSameBytes(as other: String) -> Bool {
        utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
    }

    /// Whether this string sorts before `other` by UTF-8 bytes, an order that is the same on every machine.
    package func isBefore(_ other: String) -> Bool {
        let (left, right) = (utf8.span, other.utf8.span)
        let shorter = min(left.count, right.count)
        for index in 0..<shorter where left[index] != right[index] { return left[index] < right[index] }
        return left.count < right.count
    }
}
