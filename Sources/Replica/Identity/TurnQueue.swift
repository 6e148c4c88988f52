import Platform

/// Tokens that wait to be asked about, taken in turn by the addresses that they came from: whoever sends very many
/// waits longer, and nobody else does.
struct TurnQueue {
    /// Of the addresses with something waiting.
    private var waiting: [ExactText: [ExactText]] = [:]
    /// These addresses, in the order of their turns.
    private var turns: [ExactText] = []
    private(set) var count = 0

    /// Adds a token. Where `limit` wait already, the last of the address with the most makes room.
    ///
    /// - Returns: those that made room; nil if the token itself is not taken.
    mutating func add(_ token: ExactText, of address: String, limit: Int) -> [ExactText]? {
        var dropped: [ExactText] = []
        if count >= limit {
            let most = waiting.max { ($0.value.count, $1.key) < ($1.value.count, $0.key) }
            guard let most, most.value.count > waiting[address]?.count ?? 0 else { return nil }
            dropped = [removeToken(of: most.key, isLast: true)].compactMap { $0 }
        }
        if waiting[address] == nil { turns.append(ExactText(address)) }
        waiting[address, default: []].append(token)
        count += 1
        return dropped
    }

    /// Takes the next one; nil if none waits.
    mutating func next() -> ExactText? {
        guard let address = turns.first else { return nil }
        let token = removeToken(of: address, isLast: false)
        if waiting[address.text] != nil { turns.append(turns.removeFirst()) }
        return token
    }

    /// Takes the first or the last one of an address, which has no more turns once none is left.
    private mutating func removeToken(of address: ExactText, isLast: Bool) -> ExactText? {
        guard var tokens = waiting[address.text] else { return nil }
        let token = isLast ? tokens.popLast() : tokens.removeFirst()
        count -= 1
        waiting[address.text] = tokens.isEmpty ? nil : tokens
        if tokens.isEmpty { turns.removeAll { $0 == address } }
        return token
    }
}
