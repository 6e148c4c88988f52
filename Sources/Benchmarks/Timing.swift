import Platform

/// The shortest time of `rounds` runs of `body`, each on what `prepare` makes for it: the longer ones were disturbed.
func shortestTime<Input>(
    of rounds: Int, _ prepare: () -> Input, _ body: (inout Input) -> Void
) -> Duration {
    let clock = SystemClock()
    var shortest: Duration?
    for _ in 0..<rounds {
        var input = prepare()
        let start = clock.now()
        body(&input)
        let time = clock.now() - start
        shortest = min(shortest ?? time, time)
    }
    return shortest ?? .zero
}

extension Duration {
    /// In milliseconds, with three digits.
    var milliseconds: String { "\(threeDigits(seconds * 1e3)) ms" }

    /// In microseconds, with three digits.
    var microseconds: String { "\(threeDigits(seconds * 1e6)) µs" }
}

/// A positive number with at least three significant digits.
func threeDigits(_ value: Double) -> String {
    if value >= 100 { return "\(Int(value.rounded()))" }
    let scale: Double = value < 10 ? 100 : 10
    return "\((value * scale).rounded() / scale)"
}
