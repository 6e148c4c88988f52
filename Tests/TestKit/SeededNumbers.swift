package import Platform

extension SeededEntropy {
    /// The next number from 0 up to and without `limit`.
    package func next(below limit: Int) -> Int {
        Int(next() % UInt64(limit))
    }
}
