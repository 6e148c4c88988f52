import Glibc

/// A row of the table: a budget of DESIGN §11 and the measured value. Times are not gated: they depend on the machine.
struct Row {
    /// What is measured.
    let work: String
    /// The allowed value.
    let budget: String
    /// The measured value.
    let measured: String
    /// Whether it is within the budget.
    let isWithin: Bool

    /// Prints the columns, separated by tabs.
    func print() {
        Swift.print("\(work)\t\(budget)\t\(measured)\(isWithin ? "" : "  OVER")")
        fflush(nil)
    }
}
