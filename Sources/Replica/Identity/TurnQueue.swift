import Platform

/// Tokens that wait to be asked about, taken in turn by the addresses that they came from: whoever sends very many
/// waits longer, and nobody else does.
struct TurnQueue {
    private var waiting: [ExactText: [ExactText]] = [:]
    /// The addresses with something waiting, in the order of their turns.
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
            dropped = waiting[most.key.text]?.popLast().map { [$0] } ?? []
            count -= dropped.count
        }
        if waiting[address, default: []].isEmpty, !turns.contains(ExactText(address)) {
            turns.append(ExactText(address))
        }
        waiting[address, default: []].append(token)
        count += 1
        return dropped
    }

    /// Takes the next one; nil if none waits.
    mutating func next() -> ExactText? {
        guard !turns.isEmpty else { return nil }
        let address = turns.removeFirst()
        guard var tokens = waiting.removeValue(forKey: address.text), !tokens.isEmpty else { return next() }
        let token = tokens.removeFirst()
        count -= 1
        if !tokens.isEmpty {
            waiting[address.text] = tokens
            turns.append(address)
        }
        return token
    }
}
