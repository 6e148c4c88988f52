/// A response's status and header: the last one, after any `1xx` and any redirect that was followed.
package struct ResponseHead: Sendable {
    /// The status code.
    package var status: Int
    /// The header fields in the order in which they came; bytes that are not UTF-8 are replaced by U+FFFD.
    package var headers: [(name: String, value: String)]

    /// A head.
    package init(status: Int, headers: [(name: String, value: String)] = []) {
        self.status = status
        self.headers = headers
    }

    /// The first value of the field `name`; names compare without regard to case.
    package subscript(name: String) -> String? {
        headers.first { areEqualFieldNames($0.name, name) }?.value
    }
}

/// One complete response.
package struct ClientResponse: Sendable {
    /// Status and header.
    package var head: ResponseHead
    /// The whole body; empty for a stream.
    package var body: [UInt8]

    /// A response.
    package init(head: ResponseHead, body: [UInt8] = []) {
        self.head = head
        self.body = body
    }

    /// The status code.
    package var status: Int { head.status }

    /// The header fields in the order in which they came.
    package var headers: [(name: String, value: String)] { head.headers }

    /// The first value of the header field `name`; names compare without regard to case.
    package subscript(name: String) -> String? { head[name] }
}

/// Whether two field names are the same (RFC 9110 §5.1: without regard to ASCII case).
func areEqualFieldNames(_ left: String, _ right: String) -> Bool {
    left.utf8.elementsEqual(right.utf8) { lowered($0) == lowered($1) }
}

private func lowered(_ byte: UInt8) -> UInt8 {
    byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
}
