import Platform
import Testing

@Suite struct FowlerNollVoTests {
    @Test(arguments: [("", "cbf29ce484222325"), ("a", "af63bd4c8601b7be"), ("foobar", "340d8765a4dda9c2")])
    func `FNV-1 gives its published vectors`(_ text: String, _ hash: String) {
        var fnv = FNV1()
        fnv.add(Array(text.utf8))
        #expect(String(fnv.value, radix: 16) == hash)
    }

    @Test(arguments: [("", "cbf29ce484222325"), ("a", "af63dc4c8601ec8c"), ("foobar", "85944171f73967e8")])
    func `FNV-1a gives its published vectors`(_ text: String, _ hash: String) {
        #expect(String(FNV1a(text).value, radix: 16) == hash)
    }

    @Test func `a number is added as a byte is`() {
        var (byte, number) = (FNV1a(), FNV1a())
        byte.add([0])
        number.add(0 as UInt64)
        #expect(String(byte.value, radix: 16) == "af63bd4c8601b7df")
        #expect(number.value == byte.value)
        number.add(UInt64.max)
        #expect(number.value == (byte.value ^ UInt64.max) &* 0x100_0000_01B3)
    }
}
