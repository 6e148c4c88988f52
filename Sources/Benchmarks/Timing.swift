import Glibc

/// The shortest CPU time of `rounds` runs of `body`, each on what `prepare` makes for it: longer runs were disturbed.
func shortestTime<Input>(
    of rounds: Int, _ prepare: () -> Input, _ body: (inout Input) -> Void
) -> Duration {
    var shortest: Duration?
    for _ in 0..<rounds {
        var input = prepare()
        let start = threadTime()
        body(&input)
        let time = threadTime() - start
        shortest = min(shortest ?? time, time)
    }
    return shortest ?? .zero
}

/// The CPU time that this thread has used. Other programs on the machine do not add to it.
func threadTime() -> Duration {
    var time = timespec()
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
}

extension Duration {
    /// In milliseconds, with three digits.
    var milliseconds: String { "\(threeDigits(self / .milliseconds(1))) ms" }

    /// In microseconds, with three digits.
    var microseconds: String { "\(threeDigits(self / .microseconds(1))) µs" }
}

/// A positive number with at least three significant digits.
func threeDigits(_ value: Double) -> String {
    if value >= 100 { return "\(Int(value.rounded()))" }
    let scale: Double = value < 10 ? 100 : 10
    return "\((value * scale).rounded() / scale)"
}
