import Platform

/// The status codes that a check expects. Of the regular expressions that upstream reads, a small subset is supported.
///
/// It is a list of items separated by commas. An item is a code (`204`), a class (`2xx`, `2\d\d`) or several classes
/// (`(1|2|3)\d\d`).
struct StatusPattern: Sendable, Hashable {
    /// Datadog's default: everything under 400.
    static let standard = StatusPattern(accepted: [100...199, 200...299, 300...399], text: #"(1|2|3)\d\d"#)

    private let accepted: [ClosedRange<Int>]
    /// The original text.
    @ExactText private(set) var text: String

    private init(accepted: [ClosedRange<Int>], text: String) {
        self.accepted = accepted
        self.text = text
    }

    /// - Returns: nil if the text is not in the supported subset.
    init?(_ text: String) {
        var accepted: [ClosedRange<Int>] = []
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let ranges = Self.ranges(item.filter { $0 != " " }) else { return nil }
            accepted += ranges
        }
        self.init(accepted: accepted, text: text)
    }

    func accepts(_ status: Int) -> Bool {
        accepted.contains { $0.contains(status) }
    }

    private static func ranges(_ item: String) -> [ClosedRange<Int>]? {
        if item.utf8.count == 3, let code = Int(item), (100...999).contains(code) { return [code...code] }
        for rest in ["xx", "XX", #"\d\d"#] where item.hasSuffix(rest) {
            return classes(item.dropLast(rest.count))?.map { $0 * 100...$0 * 100 + 99 }
        }
        return nil
    }

    private static func classes(_ text: Substring) -> [Int]? {
        var digits = [text]
        if text.hasPrefix("("), text.hasSuffix(")") {
            digits = text.dropFirst().dropLast().split(separator: "|", omittingEmptySubsequences: false)
        }
        let classes = digits.compactMap { $0.utf8.count == 1 ? Int($0) : nil }.filter { (1...9).contains($0) }
        return classes.count == digits.count ? classes : nil
    }
}
