import Glibc

/// One line of the table: a budget of DESIGN §11 and what was measured. Times decide nothing: they depend on the machine.
struct Row {
    /// What was measured.
    let work: String
    /// What it may be.
    let budget: String
    /// What it is.
    let measured: String
    /// Whether that is within the budget.
    let isWithin: Bool

    /// Prints it, columns separated by tabs.
    func print() {
        Swift.print("\(work)\t\(budget)\t\(measured)\(isWithin ? "" : "  OVER")")
        fflush(nil)
    }
}
