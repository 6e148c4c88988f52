import Testing

@testable import Replica

@Suite struct NodeAddressTests {
    @Test(arguments: [
        "0.0.0.0", "10.0.0.1", "255.255.255.255", "::", "::1", "1::", "2001:db8::1", "1:2:3:4:5:6:7:8",
        "::ffff:10.0.0.1",
        "1:2:3:4:5:6:10.0.0.1", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "FE80::AbCd",
    ])
    func `a valid IP address is recognised`(text: String) {
        #expect(NodeAddress.isAddress(text))
    }

    @Test(arguments: [
        "", ".", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.", "1.2.3.+4", "1.2.3.4 ", " 1.2.3.4", "a.b.c.d",
        ":", ":::", "1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", ":1:2:3:4:5:6:7", "1:2:3:4:5:6:7:", "::1:",
        ":1::", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::", "g::", "fe80::1%eth0", "[::1]", "10.0.0.1::",
        "1:2:3:4:5:6:7:10.0.0.1", "::10.0.0.256", "1.2.3.4:80",
    ])
    func `an invalid IP address is refused`(text: String) {
        #expect(!NodeAddress.isAddress(text))
    }
}
