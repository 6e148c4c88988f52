/// The status and header of a response: the last one, after any `1xx` and any redirect that was followed.
package struct ResponseHead: Sendable {
    /// The status code.
    package var status: Int
    /// The header fields in the order received; bytes that are not UTF-8 are replaced by U+FFFD.
    package var headers: [(name: String, value: String)]

    /// A head.
    package init(status: Int, headers: [(name: String, value: String)] = []) {
        self.status = status
        self.headers = headers
    }

    /// The first value of the field `name`, ignoring case.
    package subscript(name: String) -> String? {
        headers.first { areEqualFieldNames($0.name, name) }?.value
    }
}

/// A complete response.
package struct ClientResponse: Sendable {
    /// Status and header.
    package var head: ResponseHead
    /// The whole body; empty for a stream.
    package var body: [UInt8]
    /// What the body takes of the client's budget.
    var share: BodyShare?

    /// A response.
    package init(head: ResponseHead, body: [UInt8] = []) {
        self.head = head
        self.body = body
    }

    /// The status code.
    package var status: Int { head.status }

    /// The header fields in the order received.
    package var headers: [(name: String, value: String)] { head.headers }

    /// The first value of the header field `name`, ignoring case.
    package subscript(name: String) -> String? { head[name] }
}
