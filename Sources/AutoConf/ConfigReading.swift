/// The result of reading one object.
enum ConfigReading: Hashable {
    /// The object has not changed.
    case unchanged
    /// Its configs, which replace those that it had, but for some of these that stay; and its problems.
    case configs([WeighedConfig], problems: [ConfigProblem], keeping: KeptConfigs? = nil)
    /// The object cannot be used, for this reason, and keeps the configs that it had.
    case keepsLast(ConfigProblem)
}
