import CheckModel

/// What reading one object gave.
enum ConfigReading: Hashable {
    /// It is as it was; configs and problems stay.
    case unchanged
    /// Its configs, which replace those it had, and what is wrong with it.
    case configs([CheckConfig], problems: [ConfigProblem])
    /// It cannot be used now: the configs it had stay, and this is why.
    case keepsLast(ConfigProblem)
}
