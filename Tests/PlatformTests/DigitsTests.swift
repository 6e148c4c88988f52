import Platform
import Testing

@Suite struct DigitsTests {
    @Test(
        arguments: [
            ("1", 1), ("080", 80), ("65535", 65_535), ("", nil), ("0", nil), ("65536", nil), ("+80", nil), ("-1", nil),
            (" 80", nil), ("8 0", nil), ("0x50", nil), ("\u{0661}", nil), ("http", nil),
        ] as [(String, UInt16?)])
    func `a port is digits alone, from 1 to 65535`(text: String, port: UInt16?) {
        #expect(portNumber(text) == port && portNumber(Substring(text)) == port)
    }
}
