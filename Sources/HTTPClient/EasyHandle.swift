import CCurl

/// An easy handle of libcurl and all memory that it points to. It belongs to the thread of the client.
@safe
struct EasyHandle: ~Copyable {
    /// The handle of libcurl, valid for the life of this value.
    let raw: UnsafeMutableRawPointer
    private let errorText: UnsafeMutablePointer<CChar>
    private var headers: UnsafeMutablePointer<curl_slist>?
    private var connectTo: UnsafeMutablePointer<curl_slist>?

    /// - Throws: `invalidOptions` if libcurl cannot create a handle, which means that memory is short.
    init() throws(HTTPClientError) {
        guard Self.isLibraryReady, let raw = unsafe curl_easy_init() else {
            throw .invalidOptions("libcurl gives no transfer handle: memory is short")
        }
        let errorText = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
        unsafe errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        unsafe self.raw = raw
        unsafe self.errorText = errorText
        unsafe headers = nil
        unsafe connectTo = nil
        unsafe _ = ccurl_set_pointer(raw, CURLOPT_ERRORBUFFER, errorText)
    }

    deinit {
        unsafe curl_easy_cleanup(raw)
        unsafe curl_slist_free_all(headers)
        unsafe curl_slist_free_all(connectTo)
        unsafe errorText.deallocate()
    }

    /// Initializes the global state of libcurl once. `curl_global_init` is thread-safe since 7.84, and Swift runs this
    /// only once.
    private static let isLibraryReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    /// The error message of libcurl; may be empty.
    var message: String {
        unsafe String(cString: errorText)
    }

    func set(_ option: CURLoption, _ value: Int) throws(HTTPClientError) {
        try check(unsafe ccurl_set_long(raw, option, value), option)
    }

    func set(_ option: CURLoption, _ value: Bool) throws(HTTPClientError) {
        try set(option, value ? 1 : 0)
    }

    /// Sets a string, which libcurl copies. Nil resets the option.
    func set(_ option: CURLoption, _ value: String?) throws(HTTPClientError) {
        if let value {
            try check(unsafe value.withCString { unsafe ccurl_set_pointer(raw, option, $0) }, option)
        } else {
            try check(unsafe ccurl_set_pointer(raw, option, nil), option)
        }
    }

    /// Sets a pointer that must stay valid for the life of the handle.
    func set(_ option: CURLoption, pointer: UnsafeMutableRawPointer?) throws(HTTPClientError) {
        try check(unsafe ccurl_set_pointer(raw, option, pointer), option)
    }

    /// Sets bytes, which libcurl copies.
    func set(_ option: CURLoption, blob: [UInt8]) throws(HTTPClientError) {
        let code = unsafe blob.withUnsafeBytes { unsafe ccurl_set_blob(raw, option, $0.baseAddress, $0.count) }
        try check(code, option)
    }

    /// Sets the request body, which libcurl copies.
    func set(body: [UInt8]) throws(HTTPClientError) {
        try check(unsafe ccurl_set_offset(raw, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count)), CURLOPT_POSTFIELDS)
        // An empty array may have no base address, and libcurl would read the body from a callback.
        let bytes = body.isEmpty ? [0] : body
        let code = unsafe bytes.withUnsafeBytes {
            unsafe ccurl_set_pointer(raw, CURLOPT_COPYPOSTFIELDS, $0.baseAddress)
        }
        try check(code, CURLOPT_COPYPOSTFIELDS)
    }

    /// Sets the header fields to add or remove. Call once.
    mutating func set(headers lines: [String]) throws(HTTPClientError) {
        unsafe headers = try list(lines)
        try check(unsafe ccurl_set_pointer(raw, CURLOPT_HTTPHEADER, headers), CURLOPT_HTTPHEADER)
    }

    /// Sets where to connect instead of the host of the URL: `HOST:PORT:OTHER-HOST:OTHER-PORT`. Call once.
    mutating func set(connectTo line: String) throws(HTTPClientError) {
        unsafe connectTo = try list([line])
        try check(unsafe ccurl_set_pointer(raw, CURLOPT_CONNECT_TO, connectTo), CURLOPT_CONNECT_TO)
    }

    private func list(_ lines: [String]) throws(HTTPClientError) -> UnsafeMutablePointer<curl_slist>? {
        var list: UnsafeMutablePointer<curl_slist>?
        for line in lines {
            guard let longer = unsafe curl_slist_append(list, line) else {
                unsafe curl_slist_free_all(list)
                throw .invalidRequest("memory is short")
            }
            unsafe list = longer
        }
        return unsafe list
    }

    /// An integer property of a finished or failed transfer; 0 if unknown.
    func long(_ info: CURLINFO) -> Int {
        var value = 0
        return unsafe ccurl_get_long(raw, info, &value) == CURLE_OK ? value : 0
    }

    /// Microseconds from the start to a phase of the transfer; 0 if the phase was not reached.
    func time(_ info: CURLINFO) -> Int64 {
        var value: curl_off_t = 0
        return unsafe ccurl_get_offset(raw, info, &value) == CURLE_OK ? Int64(value) : 0
    }

    /// Keeps the cookies that the server sets, beside these, which an earlier transfer kept. Which of them a request
    /// gets is libcurl's decision, by host, path and scheme.
    func keepCookies(_ cookies: [String]) throws(HTTPClientError) {
        try set(CURLOPT_COOKIEFILE, "")
        for cookie in cookies { try set(CURLOPT_COOKIELIST, cookie) }
    }

    /// The cookies that are kept, one line each.
    var cookies: [String] {
        let list = unsafe ccurl_cookies(raw)
        defer { unsafe curl_slist_free_all(list) }
        var cookies: [String] = []
        var next = unsafe list
        while let one = unsafe next {
            if let line = unsafe one.pointee.data { unsafe cookies.append(String(cString: line)) }
            unsafe next = one.pointee.next
        }
        return cookies
    }

    func check(_ code: CURLcode, _ option: CURLoption) throws(HTTPClientError) {
        guard code != CURLE_OK else { return }
        let reason = unsafe curl_easy_strerror(code).map { unsafe String(cString: $0) } ?? "error \(code.rawValue)"
        let version = unsafe String(cString: curl_version())
        throw .invalidOptions("option \(option.rawValue) of this libcurl (\(version)): \(reason)")
    }
}
