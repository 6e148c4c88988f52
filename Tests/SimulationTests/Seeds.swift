import Platform

/// The seeds to run: 1 to `count`; or to the number in `SIMULATION_SEEDS`, to search longer; or the one in
/// `SIMULATION_SEED`, to replay a failure.
func seeds(_ count: UInt64) -> [UInt64] {
    let environment = processEnvironment()
    if let seed = environment["SIMULATION_SEED"].flatMap({ UInt64($0) }) { return [seed] }
    return Array(1...max(1, environment["SIMULATION_SEEDS"].flatMap { UInt64($0) } ?? count))
}
