// Swift compares strings by canonical equivalence; identity here is by bytes.
extension String {
    /// Whether both strings have the same UTF-8 bytes. `==` also holds for canonically equivalent strings.
    package func hasSameBytes(as other: String) -> Bool {
        utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
    }

    /// Whether this string sorts before `other` by UTF-8 bytes, an order that is the same on every machine.
    package func isBefore(_ other: String) -> Bool {
        utf8.lexicographicallyPrecedes(other.utf8)
    }
}
