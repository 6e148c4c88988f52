import CCurl

/// libcurl's set of transfers and its pool of connections. Belongs to the client's thread.
@safe
struct MultiHandle: ~Copyable {
    private let raw: UnsafeMutableRawPointer

    /// Nil when memory is short.
    init?(maximumConnectionsPerHost: Int) {
        guard let raw = unsafe curl_multi_init() else { return nil }
        unsafe _ = ccurl_multi_set_long(raw, CURLMOPT_MAX_HOST_CONNECTIONS, maximumConnectionsPerHost)
        unsafe self.raw = raw
    }

    /// Closes every connection. All transfers must have been removed.
    deinit {
        unsafe curl_multi_cleanup(raw)
    }

    /// What wakes `poll`; not to be used after this handle's end.
    var waker: Waker {
        unsafe Waker(multi: raw)
    }

    /// Adds a transfer; false if libcurl does not take it.
    func add(_ easy: borrowing EasyHandle) -> Bool {
        unsafe curl_multi_add_handle(raw, easy.raw) == CURLM_OK
    }

    /// Takes a transfer out; one that is not over is stopped and its connection closed.
    func remove(_ easy: borrowing EasyHandle) {
        unsafe _ = curl_multi_remove_handle(raw, easy.raw)
    }

    /// Does all that can be done without waiting; false if libcurl is in trouble.
    func perform() -> Bool {
        var running: Int32 = 0
        return unsafe curl_multi_perform(raw, &running) == CURLM_OK
    }

    /// Waits for something to do, a wake-up, or `milliseconds`.
    func poll(milliseconds: Int32) {
        unsafe _ = curl_multi_poll(raw, nil, 0, milliseconds, nil)
    }

    /// The next transfer that is over and how it ended; nil if there is none.
    func nextFinished() -> (transfer: ActiveTransfer, code: CURLcode)? {
        var remaining: Int32 = 0
        while let message = unsafe curl_multi_info_read(raw, &remaining) {
            guard unsafe message.pointee.msg == CURLMSG_DONE else { continue }
            var context: UnsafeMutableRawPointer?
            unsafe _ = ccurl_get_pointer(message.pointee.easy_handle, CURLINFO_PRIVATE, &context)
            guard let found = unsafe context else { continue }
            let transfer = unsafe Unmanaged<ActiveTransfer>.fromOpaque(found).takeUnretainedValue()
            return (transfer, unsafe ccurl_message_result(message))
        }
        return nil
    }
}
