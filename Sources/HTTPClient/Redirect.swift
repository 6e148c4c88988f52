/// One request on its way to a response, past the redirects so far.
///
/// libcurl is not asked to follow redirects: but for `Authorization` and `Cookie` it would send every header field to
/// whatever server the first one names, and a check's secret may be in any field.
struct Hop: Sendable {
    /// What is sent now.
    let request: ClientRequest
    /// How many redirects led here.
    let redirects: Int
    /// The cookies that the servers so far have set.
    let cookies: [String]
    /// Whether the server has asked for digest authentication, so that libcurl is to answer it. The first request is
    /// sent as it is: libcurl would send it without its body first.
    let answersChallenge: Bool
    /// Whether every redirect so far led to the scheme, host and port of the first request. What the client adds of its
    /// own for the server that the caller named (bearer token, TLS server name) is for no other.
    let isAtOrigin: Bool

    /// The first hop.
    init(_ request: ClientRequest) {
        self.init(request, redirects: 0, cookies: [], isAtOrigin: true, answersChallenge: false)
    }

    private init(
        _ request: ClientRequest, redirects: Int, cookies: [String], isAtOrigin: Bool, answersChallenge: Bool
    ) {
        self.request = request
        self.redirects = redirects
        self.cookies = cookies
        self.isAtOrigin = isAtOrigin
        self.answersChallenge = answersChallenge
    }

    /// Whether a response with this head is followed rather than returned (RFC 9110 §15.4).
    func follows(_ head: ResponseHead) -> Bool {
        request.maximumRedirects > 0 && [301, 302, 303, 307, 308].contains(head.status)
            && head["Location"]?.isEmpty == false
    }

    /// Whether a response with this head asks for the digest authentication that the request has.
    func isChallenged(by head: ResponseHead) -> Bool {
        guard request.digest != nil, isAtOrigin, !answersChallenge, head.status == 401 else { return false }
        return head.headers.contains {
            areEqualFieldNames($0.name, "WWW-Authenticate") && $0.value.lowercased().contains("digest")
        }
    }

    /// The same request, with which libcurl answers the challenge.
    func answeringChallenge(cookies: [String]) -> Hop {
        Hop(request, redirects: redirects, cookies: cookies, isAtOrigin: isAtOrigin, answersChallenge: true)
    }

    /// The hop to which a response leads that `follows`, and that came from `url`.
    ///
    /// - Throws: `tooManyRedirects`, or `invalidRedirect` for a target that is malformed or has a scheme that is not
    ///   allowed.
    func next(
        _ head: ResponseHead, from url: RequestURL, cookies: [String], allowsPlainHTTP: Bool
    ) throws(HTTPClientError) -> Hop {
        guard redirects < request.maximumRedirects else { throw .tooManyRedirects(request.maximumRedirects) }
        let target: RequestURL
        do throws(HTTPClientError) {
            target = try RequestURL(url.resolving(head["Location"] ?? ""), allowsPlainHTTP: allowsPlainHTTP)
        } catch {
            guard case .invalidURL(let reason) = error else { throw error }
            throw .invalidRedirect(reason)
        }
        let isAtOrigin = isAtOrigin && target.isOfOrigin(of: url)
        var request = request
        request.url = target.text
        if !isAtOrigin {
            request.headers = request.headersElsewhere
            request.connectTo = nil
        }
        // As curl and Python's requests do.
        if head.status < 307 {
            let becomesGet = head.status == 301 ? request.method == "POST" : request.method != "HEAD"
            if becomesGet { request.method = "GET" }
            request.body = nil
            request.headers.removeAll { areEqualFieldNames($0.name, "Content-Type") }
        }
        return Hop(
            request, redirects: redirects + 1, cookies: cookies, isAtOrigin: isAtOrigin, answersChallenge: false)
    }
}
