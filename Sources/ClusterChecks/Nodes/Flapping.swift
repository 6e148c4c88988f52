import Platform

/// Nodes whose agents come and go: each time their checks would move to them and off again.
///
/// A node that has come back more than three times in ten minutes flaps. It gets nothing new until it has stayed for
/// five minutes.
struct Flapping: Sendable {
    private static let window: Duration = .seconds(600)
    private static let most = 3
    /// How long a node must stay to count as steady again.
    static let trial: Duration = .seconds(300)

    /// When each node was last lost, in listened time.
    private var lost: [ExactText: Duration] = [:]
    /// When each node came back, the newest last.
    private var returns: [ExactText: [Duration]] = [:]
    /// Until when each node that flaps must stay.
    private var trials: [ExactText: Duration] = [:]

    /// Whether a node flaps.
    func has(_ id: String) -> Bool { !trials.isEmpty && trials[ExactText(id)] != nil }

    /// A node was removed.
    mutating func noteLoss(of id: String, at time: Duration) { lost[ExactText(id)] = time }

    /// A node registered, or its next agent reported. Only one that has been lost comes back.
    mutating func noteReturn(of id: String, at time: Duration, isRestart: Bool = false) {
        let id = ExactText(id)
        guard isRestart || lost.removeValue(forKey: id) != nil else { return }
        let recent = (returns[id] ?? []).filter { time - $0 < Self.window } + [time]
        returns[id] = recent
        if recent.count > Self.most { trials[id] = time + Self.trial }
    }

    /// Forgets what is too old.
    ///
    /// - Returns: the nodes that flap no longer, sorted.
    mutating func settle(at time: Duration) -> [String] {
        guard !lost.isEmpty || !returns.isEmpty || !trials.isEmpty else { return [] }
        lost = lost.filter { time - $0.value < Self.window }
        returns = returns.filter { entry in entry.value.last.map { time - $0 < Self.window } ?? false }
        let steady = trials.filter { $0.value <= time && lost[$0.key] == nil }.keys.sortedTexts()
        for id in steady { trials[ExactText(id)] = nil }
        return steady
    }
}
