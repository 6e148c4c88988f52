/// A text as a terminal may get it: control characters other than line feeds and tabs, which could move the cursor or
/// hide what is there, and those that change the direction of what follows (Unicode's bidirectional controls) stand as
/// `\u{…}`.
package func visible(_ text: String) -> String {
    let isVisible = { (scalar: Unicode.Scalar) in
        switch scalar.value {
        case 0x09, 0x0A: true
        case 0..<0x20, 0x7F..<0xA0, 0x202A...0x202E, 0x2066...0x2069: false
        default: true
        }
    }
    guard !text.unicodeScalars.allSatisfy(isVisible) else { return text }
    var shown = ""
    for scalar in text.unicodeScalars {
        if isVisible(scalar) {
            shown.unicodeScalars.append(scalar)
        } else {
            shown += "\\u{\(String(scalar.value, radix: 16))}"
        }
    }
    return shown
}
