/// A text that is identified by its UTF-8 bytes.
///
/// Swift compares, hashes and sorts a `String` by canonical equivalence (swiftlang/swift#14033): `é` is the same key
/// whether it is one scalar or two. For everyone else these are two file names, two IDs, two values of an annotation.
/// So whatever names something, or shows that something changed, is one of these. As a property wrapper it makes the
/// synthesized `==` and `hash(into:)` of a type exact: `@ExactText var name: String`.
///
/// All is inlinable, because the compiler does not specialise a generic function of another module otherwise: looking a
/// key up in a dictionary would allocate.
@propertyWrapper
@usableFromInline package struct ExactText: Sendable {
    /// The text.
    @usableFromInline package var wrappedValue: String

    /// A text.
    @inlinable
    package init(wrappedValue: String) {
        self.wrappedValue = wrappedValue
    }

    /// A text.
    @inlinable
    package init(_ text: some StringProtocol) {
        wrappedValue = String(text)
    }

    /// The text.
    @inlinable
    package var text: String { wrappedValue }
    /// Whether it has no bytes.
    @inlinable
    package var isEmpty: Bool { wrappedValue.isEmpty }

    /// Whether its bytes begin with those of `prefix`. `String.hasPrefix` looks at characters: `a:` is no prefix of
    /// `a:` with an accent after it.
    @inlinable
    package func hasPrefix(_ prefix: String) -> Bool {
        text.utf8.starts(with: prefix.utf8)
    }
}

extension ExactText: Hashable, Comparable {
    /// Whether both have the same bytes.
    @inlinable
    package static func == (left: ExactText, right: ExactText) -> Bool {
        left.text.hasSameBytes(as: right.text)
    }

    /// Orders by bytes: the same order on every machine, and that of every tool that does not know Unicode.
    @inlinable
    package static func < (left: ExactText, right: ExactText) -> Bool {
        left.text.isBefore(right.text)
    }

    /// Hashes the bytes.
    @inlinable
    package func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { unsafe hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        // What follows in the same hasher must not look like a part of it.
        hasher.combine(UInt8(0xFF))
    }
}

extension ExactText: ExpressibleByStringInterpolation, CustomStringConvertible {
    /// A text.
    @inlinable
    package init(stringLiteral text: String) {
        wrappedValue = text
    }

    /// The text.
    @inlinable
    package var description: String { text }
}

extension Dictionary where Key == ExactText {
    /// The value of a key.
    @inlinable
    package subscript(key: String) -> Value? {
        get { self[ExactText(wrappedValue: key)] }
        _modify { yield &self[ExactText(wrappedValue: key)] }
    }

    /// The value of a key, or a default.
    @inlinable
    package subscript(key: String, default value: @autoclosure () -> Value) -> Value {
        get { self[ExactText(wrappedValue: key), default: value()] }
        _modify { yield &self[ExactText(wrappedValue: key), default: value()] }
    }

    /// Removes a key and returns its value; nil if it was not there.
    @discardableResult
    @inlinable
    package mutating func removeValue(forKey key: String) -> Value? {
        removeValue(forKey: ExactText(wrappedValue: key))
    }
}

extension Set where Element == ExactText {
    /// The set of some texts.
    @inlinable
    package init(texts: some Sequence<String>) {
        self.init(texts.lazy.map { ExactText(wrappedValue: $0) })
    }

    /// Removes a text.
    @discardableResult
    @inlinable
    package mutating func remove(_ text: String) -> ExactText? {
        remove(ExactText(wrappedValue: text))
    }

    /// Whether the set has a text.
    @inlinable
    package func contains(_ text: String) -> Bool {
        contains(ExactText(wrappedValue: text))
    }

    /// Adds a text.
    @discardableResult
    @inlinable
    package mutating func insert(_ text: String) -> (inserted: Bool, memberAfterInsert: ExactText) {
        insert(ExactText(wrappedValue: text))
    }
}

extension Sequence<ExactText> {
    /// The texts in the order of their bytes.
    @inlinable
    package func sortedTexts() -> [String] {
        sorted().map(\.text)
    }
}

extension [String] {
    /// The texts in the order of their bytes.
    @inlinable
    package func sortedByBytes() -> [String] {
        sorted { $0.isBefore($1) }
    }
}
