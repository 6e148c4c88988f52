import Platform

/// The connections of a loop whose clients have not authenticated, oldest first, with their shares of all connections.
///
/// Whoever needs no token can open as many connections as it likes. It must not take those of node-agents: where a
/// share is used up, its oldest connection makes room for the new one. A node-agent authenticates with its first
/// request, within milliseconds; from then on its connection is never closed for another.
struct Strangers {
    private let limit: Int
    private let addressLimit: Int
    /// In the order of arrival. Those that are no strangers any more are skipped.
    private var order: [(token: UInt64, host: String)] = []
    private var first = 0
    private var hosts: [UInt64: String] = [:]
    private var counts: [ExactText: Int] = [:]

    /// - Parameters:
    ///   - capacity: how many connections the server may have. One in four may belong to strangers, one in sixteen to
    ///     those of one address: node-agents behind one translated address authenticate and then count no more. Where
    ///     nobody authenticates, all may, and half those of one address.
    ///   - loops: how many loops share them.
    init(capacity: Int, authenticates: Bool, loops: Int) {
        limit = max(1, capacity / (authenticates ? 4 : 1) / loops)
        addressLimit = max(1, capacity / (authenticates ? 16 : 2) / loops)
    }

    /// Adds a new connection.
    ///
    /// - Returns: the connection that must be closed for it; nil while there is room.
    mutating func add(_ token: UInt64, from host: String) -> UInt64? {
        var victim: UInt64?
        if counts[host, default: 0] >= addressLimit {
            victim = oldest { $0 == host }
        } else if hosts.count >= limit {
            victim = oldest { _ in true }
        }
        if let victim { remove(victim) }
        order.append((token, host))
        hosts[token] = host
        counts[host, default: 0] += 1
        return victim
    }

    /// Removes a connection that is closed or whose client has authenticated, if it is there.
    mutating func remove(_ token: UInt64) {
        guard let host = hosts.removeValue(forKey: token) else { return }
        hosts.shrinkIfSparse()
        counts[host] = counts[host].flatMap { $0 > 1 ? $0 - 1 : nil }
        counts.shrinkIfSparse()
        while first < order.count, hosts[order[first].token] == nil { first += 1 }
        // Moved when half is gone: each entry moves once on average.
        if order.count - first < order.count / 2 || hosts.count < (order.count - first) / 2 {
            order = order[first...].filter { hosts[$0.token] != nil }
            first = 0
        }
    }

    /// Removes the oldest connection.
    mutating func removeOldest() -> UInt64? {
        let token = oldest { _ in true }
        if let token { remove(token) }
        return token
    }

    /// How many entries are kept, for tests.
    var entries: Int { order.count }

    private func oldest(where isEligible: (String) -> Bool) -> UInt64? {
        order[first...].first { hosts[$0.token] != nil && isEligible($0.host) }?.token
    }
}
