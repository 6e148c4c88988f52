import CCurl

/// The multi handle of libcurl: a set of transfers and their connection pool. It belongs to the thread of the client.
@safe
struct MultiHandle: ~Copyable {
    private let raw: UnsafeMutableRawPointer

    /// Nil if memory is short.
    init?(maximumConnectionsPerHost: Int) {
        guard let raw = unsafe curl_multi_init() else { return nil }
        unsafe _ = ccurl_multi_set_long(raw, CURLMOPT_MAX_HOST_CONNECTIONS, maximumConnectionsPerHost)
        unsafe self.raw = raw
    }

    /// Closes all connections. All transfers must have been removed.
    deinit {
        unsafe curl_multi_cleanup(raw)
    }

    /// Wakes `poll`; must not be used after the life of this handle.
    var waker: Waker {
        unsafe Waker(multi: raw)
    }

    /// Adds a transfer; false if libcurl refuses it.
    func add(_ easy: borrowing EasyHandle) -> Bool {
        unsafe curl_multi_add_handle(raw, easy.raw) == CURLM_OK
    }

    /// Removes a transfer. One that is still active is stopped and its connection closed.
    func remove(_ easy: borrowing EasyHandle) {
        unsafe _ = curl_multi_remove_handle(raw, easy.raw)
    }

    /// Performs all work that does not wait; false if libcurl fails.
    func perform() -> Bool {
        var running: Int32 = 0
        return unsafe curl_multi_perform(raw, &running) == CURLM_OK
    }

    /// Waits for network events, a wake-up, or `milliseconds`.
    func poll(milliseconds: Int32) {
        unsafe _ = curl_multi_poll(raw, nil, 0, milliseconds, nil)
    }

    /// The next finished transfer and its result; nil if there is none.
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
