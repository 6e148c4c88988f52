import CheckModel
import Platform

/// How the instances of a ClusterCheck fare, as far as their agents have said.
enum ClusterCheckVerdict: Hashable {
    /// Nothing has been heard of at least one of them, and none is known to fail.
    case unheard
    /// The last word on at least one of them is too old, and none is known to fail.
    case stale(String)
    case passing
    /// In one word for machines, and in a line.
    case failing(reason: String, message: String)

    /// - Parameter result: what is known of an instance on a node.
    init(_ instances: [(id: String, node: String)], _ result: (String, String) -> ShownResult?) {
        let known = instances.map { ($0.id, result($0.id, $0.node)) }
        let fresh = known.compactMap { id, shown in shown.flatMap { $0.isStale ? nil : (id: id, result: $0.result) } }
        let failing = fresh.filter { !$0.result.isUp }
        if let first = failing.first {
            let count = instances.count == 1 ? "" : "\(failing.count) of \(instances.count) instances: "
            let kind = first.result.kind
            self = .failing(
                reason: Self.word(kind), message: "\(count)\(kind): \(first.result.reason)")
        } else if let stale = known.first(where: { $0.1?.isStale == true }) {
            self = .stale(stale.0)
        } else {
            self = fresh.isEmpty || fresh.count < instances.count ? .unheard : .passing
        }
    }

    /// A kind of failure as Kubernetes writes a reason.
    private static func word(_ kind: String) -> String {
        let letters = kind.filter { $0.isASCII && $0.isLetter }
        return letters.isEmpty ? "Failing" : letters.prefix(1).uppercased() + letters.dropFirst()
    }
}
