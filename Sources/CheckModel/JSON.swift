/// A JSON value that loses nothing: numbers stay the text their author wrote, object members keep their order until they are encoded.
///
/// Two objects are equal when they have the same members in any order.
package enum JSON: Hashable, Sendable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A number as its JSON text, never rounded.
    case number(String)
    /// A string, unescaped.
    case string(String)
    /// An array.
    case array([JSON])
    /// An object; a key occurs once.
    case object([String: JSON])
}
