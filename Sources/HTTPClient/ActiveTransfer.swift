import CCurl
import Platform

/// An active transfer. It belongs to the thread of the client, on which libcurl calls back into it.
final class ActiveTransfer {
    let requested: RequestedTransfer
    let easy: EasyHandle
    private let url: RequestURL
    private let proxy: ProxyPolicy
    private let clock: any Clock
    private var collector = ResponseCollector()
    private var body: [UInt8] = []
    private let share: BodyShare
    private let started: Instant
    /// When the server last sent something.
    private var lastProgress: Instant
    /// Whether the transfer is paused until its reader catches up.
    private var isPaused = false
    /// Whether the response is a redirect to be followed; its body does not matter.
    private var isRedirected = false
    /// Whether the response asks for digest authentication, and is to be answered.
    private var isChallenged = false
    /// Whether the response is complete without the rest of its body.
    private var isHeadEnough = false
    private var discarded = 0
    /// The head of an answer that asks for digest authentication, which libcurl may answer with a second request.
    private var challenge: ResponseHead?
    /// Why a callback stopped the transfer.
    private var refusal: HTTPClientError?

    /// Prepares a transfer. Nothing is sent until its handle is added to the multi handle.
    ///
    /// - Throws: `invalidRequest`, `invalidURL`, or `timedOut` if the deadline has passed.
    init(_ requested: RequestedTransfer, options: HTTPClientOptions, clock: any Clock) throws(HTTPClientError) {
        let now = clock.now()
        guard requested.deadline > now else { throw .timedOut(.waiting) }
        let url = try RequestURL(requested.hop.request.url, allowsPlainHTTP: options.allowsPlainHTTP)
        var easy = try EasyHandle()
        let proxy = requested.hop.request.proxies?.policy(for: url) ?? options.proxy
        try easy.setUpConnection(options)
        try easy.setUpProxy(proxy)
        let trust = requested.hop.request.trust ?? options.trust
        try trust.validate()
        try easy.setUpTrust(trust)
        try easy.setUpRequest(requested.hop, url: url, options: options)
        try easy.setUpTimeouts(
            total: requested.deadline - now,
            connect: requested.hop.request.connectTimeout.map { min($0, options.connectTimeout) }
                ?? options.connectTimeout)
        self.requested = requested
        self.url = url
        self.proxy = proxy
        self.clock = clock
        share = BodyShare(of: options.bodyBudget)
        started = now
        lastProgress = now
        self.easy = easy
        try setUpCallbacks()
    }

    /// libcurl calls back only while the handle is in the multi handle, and the loop retains this object for that time:
    /// the pointer needs no reference count of its own.
    private func setUpCallbacks() throws(HTTPClientError) {
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        try unsafe easy.set(CURLOPT_WRITEDATA, pointer: context)
        try unsafe easy.set(CURLOPT_HEADERDATA, pointer: context)
        try unsafe easy.set(CURLOPT_PRIVATE, pointer: context)
        let header = unsafe ccurl_set_bytes_callback(easy.raw, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
            unsafe ActiveTransfer.call(bytes, size * count, context) { unsafe $0.receiveHeader($1) }
        }
        try easy.check(header, CURLOPT_HEADERFUNCTION)
        let write = unsafe ccurl_set_bytes_callback(easy.raw, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
            unsafe ActiveTransfer.call(bytes, size * count, context) { unsafe $0.receiveBody($1) }
        }
        try easy.check(write, CURLOPT_WRITEFUNCTION)
    }

    /// A count other than the number of bytes received makes libcurl fail the transfer.
    private static let refused = 0

    private static func call(
        _ bytes: UnsafeMutablePointer<CChar>?, _ count: Int, _ context: UnsafeMutableRawPointer?,
        _ receive: (ActiveTransfer, UnsafeBufferPointer<UInt8>) -> Int
    ) -> Int {
        guard let context = unsafe context, let bytes = unsafe bytes, count > 0 else { return count }
        let transfer = unsafe Unmanaged<ActiveTransfer>.fromOpaque(context).takeUnretainedValue()
        return unsafe bytes.withMemoryRebound(to: UInt8.self, capacity: count) { bytes in
            unsafe receive(transfer, UnsafeBufferPointer(start: bytes, count: count))
        }
    }

    private func receiveHeader(_ line: UnsafeBufferPointer<UInt8>) -> Int {
        lastProgress = clock.now()
        switch unsafe collector.add(line: line) {
        case .partial: break
        case .complete:
            if requested.hop.answersChallenge, collector.head.status == 401, challenge == nil {
                challenge = collector.head
                collector = ResponseCollector()
                return line.count
            }
            isRedirected = requested.buffer == nil && requested.hop.follows(collector.head)
            isChallenged = requested.hop.isChallenged(by: collector.head)
            isHeadEnough = requested.hop.request.bodyUse == .unread
            if isRedirected || isChallenged || isHeadEnough { return Self.refused }
            guard !collector.head.isEncodedTwice else {
                refusal = .malformedResponse("its body is compressed more than once")
                return Self.refused
            }
            requested.buffer?.receive(collector.head)
        case .tooLarge:
            refusal = .malformedResponse("the header is larger than \(ResponseCollector.maximumHeaderBytes) bytes")
            return Self.refused
        }
        return line.count
    }

    private func receiveBody(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
        lastProgress = clock.now()
        if let buffer = requested.buffer {
            isPaused = unsafe !buffer.receive(bytes)
            return isPaused ? Int(CURL_WRITEFUNC_PAUSE) : bytes.count
        }
        let limit = requested.hop.request.maximumResponseBytes
        if requested.hop.request.bodyUse == .discarded {
            discarded += bytes.count
            isHeadEnough = discarded > limit
            return isHeadEnough ? Self.refused : bytes.count
        }
        guard body.count + bytes.count <= limit else {
            refusal = .responseTooLarge(limit: limit)
            return Self.refused
        }
        if let limit = share.limit(taking: bytes.count) {
            refusal = .tooMuchAtOnce(limit: limit)
            return Self.refused
        }
        unsafe body.append(contentsOf: bytes)
        return bytes.count
    }

    /// Continues after a pause. The transfer must be in the multi handle.
    func resume() {
        isPaused = false
        lastProgress = clock.now()
        unsafe _ = curl_easy_pause(easy.raw, CURLPAUSE_CONT)
    }

    /// Where the response sends the request, if it is redirected.
    ///
    /// - Throws: `tooManyRedirects` or `invalidRedirect`.
    func nextHop(allowsPlainHTTP: Bool) throws(HTTPClientError) -> Hop? {
        if isChallenged { return requested.hop.answeringChallenge(cookies: easy.cookies) }
        guard isRedirected else { return nil }
        return try requested.hop.next(
            collector.head, from: url, cookies: easy.cookies, allowsPlainHTTP: allowsPlainHTTP)
    }

    /// The result of the transfer, once libcurl reports that it is complete.
    func result(_ code: CURLcode) -> Result<ClientResponse, HTTPClientError> {
        if let refusal { return .failure(refusal) }
        if code == CURLE_OPERATION_TIMEDOUT { return timedOut }
        guard code == CURLE_OK || isHeadEnough else {
            let failure = TransferFailure(
                code: code, message: easy.message, systemError: Int32(truncatingIfNeeded: easy.long(CURLINFO_OS_ERRNO)),
                authority: url.authority, host: url.host, proxy: proxy.authority, phase: phase)
            return .failure(failure.error)
        }
        guard let head = collector.isComplete ? collector.head : challenge else {
            return .failure(.malformedResponse("the header is incomplete"))
        }
        var response = ClientResponse(head: head, body: body)
        response.share = share
        return .success(response)
    }

    /// The result of a transfer whose time is over: a body that is thrown away may be without end.
    var timedOut: Result<ClientResponse, HTTPClientError> {
        let now = clock.now()
        // libcurl's own timer may be a little early.
        let isDeadline = requested.deadline - now < .milliseconds(100)
        guard requested.hop.request.bodyUse == .discarded, collector.isComplete, isDeadline,
            lastProgress - started > (now - started) / 2
        else { return .failure(.timedOut(phase)) }
        return .success(ClientResponse(head: collector.head))
    }

    /// When the transfer times out if the server sends nothing before. Only `resume` makes this earlier.
    var timeoutInstant: Instant {
        guard !isPaused, let idleTimeout = requested.hop.request.idleTimeout else { return requested.deadline }
        return min(requested.deadline, lastProgress + idleTimeout)
    }

    /// The current phase.
    var phase: TransferPhase {
        if collector.isComplete { return .receivingBody }
        if easy.time(CURLINFO_PRETRANSFER_TIME_T) > 0 { return .awaitingHeaders }
        // libcurl records the connect time only after the handshake; the local port is known before.
        if easy.long(CURLINFO_LOCAL_PORT) > 0 { return .handshaking }
        return easy.time(CURLINFO_NAMELOOKUP_TIME_T) > 0 ? .connecting : .waiting
    }
}
