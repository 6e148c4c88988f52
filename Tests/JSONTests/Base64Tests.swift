import JSON
import Platform
import Testing

@Suite struct Base64Tests {
    /// RFC 4648 §10.
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ])
    func `Base64 gives the vectors of the RFC`(_ text: String, _ base64: String) {
        var encoded: [UInt8] = []
        Base64.encode(Array(text.utf8), into: &encoded)
        #expect(String(decoding: encoded, as: UTF8.self) == base64)
        #expect(Base64.decode(base64.utf8) == Array(text.utf8))
    }

    @Test func `every byte survives encoding and decoding`() {
        let entropy = SeededEntropy(seed: 1)
        for count in 0..<300 {
            let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: entropy.next()) }
            var encoded: [UInt8] = []
            Base64.encode(bytes, into: &encoded)
            #expect(Base64.decode(encoded) == bytes)
        }
    }

    @Test(arguments: [
        "Z", "Zg", "Zg=", "Zg===", "Z===", "====", "=Zg=", "Zg=a", "Zh==", "Zm9=", "Zm 9v", "Zm9v\n", "Zm-_",
        "Zg==Zg==",
    ])
    func `what is not strict Base64 is refused`(_ text: String) {
        #expect(Base64.decode(text.utf8) == nil)
    }
}
