import Leadership
import Platform
import Synchronization

/// Where other replicas reach this one, once its port is known, and the key to trust it by.
final class PublishedAddress: Sendable {
    private let given: String
    private let podAddress: String
    private let publicKeyPin: Mutex<String>
    private let port = Mutex<UInt16?>(nil)

    init(_ options: Options, _ environment: [String: String], publicKeyPin: String) {
        given = options[AgentOptions.advertiseAddress]
        podAddress = environment["POD_IP"] ?? ""
        self.publicKeyPin = Mutex(publicKeyPin)
    }

    /// Tells the port, which is not known before it is bound.
    func bound(to port: UInt16) {
        self.port.withLock { $0 = port }
    }

    /// Another key is in use from now on.
    func replace(publicKeyPin: String) {
        self.publicKeyPin.withLock { $0 = publicKeyPin }
    }

    /// Whether the address is known, or will be once the port is.
    var isKnown: Bool { !given.isEmpty || !podAddress.isEmpty }

    /// Host and port; nil when neither the option nor `POD_IP` says.
    var address: String? {
        if !given.isEmpty { return given }
        guard !podAddress.isEmpty, let port = port.withLock({ $0 }) else { return nil }
        return podAddress.contains(":") ? "[\(podAddress)]:\(port)" : "\(podAddress):\(port)"
    }

    /// Where other replicas reach this one; nil when the address is not known.
    var endpoint: LeaderEndpoint? {
        address.map { LeaderEndpoint(address: $0, publicKeyPin: publicKeyPin.withLock { $0 }) }
    }

    /// The names and addresses for which a self-signed certificate is made.
    static func hosts(_ options: Options, _ environment: [String: String]) -> [String] {
        let given = options[AgentOptions.advertiseAddress]
        let host = given.lastIndex(of: ":").map { String(given[..<$0].filter { $0 != "[" && $0 != "]" }) }
        let namespace = environment["POD_NAMESPACE"] ?? ""
        let service = namespace.isEmpty ? [] : ["cluster-agent.\(namespace)", "cluster-agent.\(namespace).svc"]
        let own = [environment["POD_IP"], host].compactMap(\.self).filter { !$0.isEmpty }
        return own + ["cluster-agent"] + service
    }
}
