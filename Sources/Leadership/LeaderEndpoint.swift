package import Platform

/// Where the leader serves, as it published it in the Lease.
package struct LeaderEndpoint: Hashable, Sendable {
    /// Host and port, such as `10.0.0.7:5005` or `[::1]:5005`.
    @ExactText package private(set) var address: String
    /// The pin of its public key, `sha256//<base64>` as libcurl spells it; nil if the leader did not publish one.
    package let publicKeyPin: String?

    /// An endpoint.
    package init(address: String, publicKeyPin: String?) {
        self.address = address
        self.publicKeyPin = publicKeyPin
    }
}
