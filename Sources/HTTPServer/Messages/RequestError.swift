/// Why a request is rejected before a handler sees it. Each case has one status. The connection closes after it,
/// because the start of the next request cannot be trusted.
enum RequestError: Error, Hashable, Sendable, CaseIterable {
    case malformedRequestLine
    case malformedTarget
    case bareCarriageReturn
    case bareLineFeed
    case foldedLine
    case malformedFieldName
    case whitespaceBeforeColon
    case controlByteInValue
    case missingHost
    case repeatedHost
    case malformedHost
    case malformedContentLength
    case differingContentLengths
    case contentLengthAndTransferEncoding
    case transferEncodingBeforeHTTP11
    case malformedTransferEncoding
    case malformedChunk
    case headerTooSlow
    case bodyTooSlow
    case bodyTooLarge
    case chunkExtensionsTooLarge
    case requestLineTooLong
    case unknownExpectation
    case headerTooLarge
    case tooManyFields
    case trailerTooLarge
    case unknownTransferCoding
    case connectNotSupported
    case unsupportedVersion
    case tooMuchUnfinished

    /// The status code of the response.
    var status: Int {
        switch self {
        case .malformedRequestLine, .malformedTarget, .bareCarriageReturn, .bareLineFeed, .foldedLine,
            .malformedFieldName, .whitespaceBeforeColon, .controlByteInValue, .missingHost, .repeatedHost,
            .malformedHost, .malformedContentLength, .differingContentLengths, .contentLengthAndTransferEncoding,
            .transferEncodingBeforeHTTP11, .malformedTransferEncoding, .malformedChunk:
            400
        case .headerTooSlow, .bodyTooSlow: 408
        case .bodyTooLarge, .chunkExtensionsTooLarge: 413
        case .requestLineTooLong: 414
        case .unknownExpectation: 417
        case .headerTooLarge, .tooManyFields, .trailerTooLarge: 431
        case .unknownTransferCoding, .connectNotSupported: 501
        case .tooMuchUnfinished: 503
        case .unsupportedVersion: 505
        }
    }

    /// What is wrong, for the client and the log.
    var reason: String {
        switch self {
        case .malformedRequestLine: "malformed request line"
        case .malformedTarget: "malformed request target"
        case .bareCarriageReturn: "carriage return without line feed"
        case .bareLineFeed: "line feed without carriage return"
        case .foldedLine: "folded header line"
        case .malformedFieldName: "malformed header field name"
        case .whitespaceBeforeColon: "white space before the colon of a header field"
        case .controlByteInValue: "control byte in a header field value"
        case .missingHost: "no Host field"
        case .repeatedHost: "more than one Host field"
        case .malformedHost: "malformed Host field"
        case .malformedContentLength: "malformed Content-Length"
        case .differingContentLengths: "differing Content-Length fields"
        case .contentLengthAndTransferEncoding: "both Content-Length and Transfer-Encoding"
        case .transferEncodingBeforeHTTP11: "Transfer-Encoding in an HTTP/1.0 request"
        case .malformedTransferEncoding: "malformed Transfer-Encoding"
        case .malformedChunk: "malformed chunk"
        case .headerTooSlow: "the header took too long"
        case .bodyTooSlow: "the body took too long"
        case .bodyTooLarge: "the body is too large"
        case .chunkExtensionsTooLarge: "the chunk extensions are too large"
        case .requestLineTooLong: "the request line is too long"
        case .unknownExpectation: "unknown expectation; only 100-continue is known"
        case .headerTooLarge: "the header is too large"
        case .tooManyFields: "too many header fields"
        case .trailerTooLarge: "the trailer is too large"
        case .unknownTransferCoding: "unknown transfer coding; only chunked is known"
        case .connectNotSupported: "CONNECT is not supported"
        case .unsupportedVersion: "unsupported HTTP version; 1.1 and 1.0 are supported"
        case .tooMuchUnfinished: "too many large requests at once"
        }
    }

    /// The response.
    var response: HTTPResponse {
        var response = HTTPResponse.text(status, reason)
        response.closesConnection = true
        return response
    }
}
