// Swift compares strings by canonical equivalence; identity is by bytes.
extension String {
    /// Whether both have the same UTF-8, which `==` does not say: it compares canonical equivalents as equal.
    package func hasSameBytes(as other: String) -> Bool {
        utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
    }

    /// Whether this comes before `other` in the order of their UTF-8 bytes, which is the same on every machine.
    package func isBefore(_ other: String) -> Bool {
        utf8.lexicographicallyPrecedes(other.utf8)
    }
}
