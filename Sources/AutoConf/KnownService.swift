import Kubernetes
import Platform

/// What is kept of a Service between two events.
struct KnownService {
    /// What of a Service is needed again.
    enum Need {
        /// All of it. Its annotations describe endpoints checks, and endpoints change without their Service.
        case everything
        /// What the template of a file is bound to.
        case target
        case nothing
    }

    /// Boxed, since most Services need no more than their fingerprint.
    private indirect enum Kept {
        case nothing
        case service(Service)
    }

    /// The longest annotations, in bytes with their names, that are remembered.
    private static let longestText = 4_096

    /// A hash, with a key of this process, of everything that affects checks: all but the resource version, and labels
    /// that are not tags.
    let fingerprint: Int
    private let kept: Kept
    /// Names and values of annotations by turns, that are kept for nothing but to know what its checks were. As one
    /// text, since a dictionary takes many times the memory.
    private var remembered = ""
    /// Its uid as a number, which takes no memory of its own; nil if it is no UUID in lower case.
    private let uid: UInt128?

    /// - Parameter isRemembered: whether its annotations are kept beside what is needed, if they are short, in case
    ///   that what is written next cannot be used.
    init(_ service: Service, keeps need: Need, isRemembered: Bool = false) {
        uid = Self.number(service.uid)
        var reduced = service
        reduced.metadata.labels = service.labels.filter { $0.key.hasPrefix("tags.datadoghq.com/") }
        reduced.metadata.resourceVersion = ""
        fingerprint = reduced.hashValue
        switch need {
        case .nothing:
            kept = .nothing
        case .target:
            reduced.metadata.annotations = [:]
            kept = .service(reduced)
        case .everything:
            reduced.metadata.resourceVersion = service.resourceVersion
            kept = .service(reduced)
        }
        if isRemembered, need != .everything { remembered = Self.text(of: service.annotations) ?? "" }
    }

    /// What is kept of its annotations for nothing but to know what its checks were, in bytes.
    var rememberedBytes: Int { remembered.utf8.count }

    /// Keeps no more than what is needed.
    mutating func forgetAnnotations() {
        remembered = ""
    }

    /// Nil if it is too long, or cannot be split again.
    private static func text(of annotations: [ExactText: ExactText]) -> String? {
        let texts = annotations.sorted { $0.key < $1.key }.flatMap { [$0.key.text, $0.value.text] }
        guard !texts.contains(where: { $0.utf8.contains(0) }) else { return nil }
        let text = texts.joined(separator: "\u{0}")
        return text.utf8.count <= longestText ? text : nil
    }

    /// The Service, as far as it was kept; nil if it was not.
    var service: Service? {
        if case .service(let service) = kept { service } else { nil }
    }

    /// Its annotations, as far as they were kept.
    var annotations: [ExactText: ExactText] {
        guard !remembered.isEmpty else { return service?.annotations ?? [:] }
        let texts = remembered.utf8.split(separator: 0, omittingEmptySubsequences: false)
        let pairs = stride(from: 0, to: texts.count - 1, by: 2).map { index in
            (ExactText(Substring(texts[index])), ExactText(Substring(texts[index + 1])))
        }
        return Dictionary(pairs) { first, _ in first }
    }
}

// The uid, for Events.
extension KnownService {
    /// Whether a Service of the same name is another one. A uid in no usual form tells nothing.
    func isAnother(than service: Service) -> Bool {
        guard let uid, let other = Self.number(service.uid) else { return false }
        return uid != other
    }

    private static let dashes: Set<Int> = [8, 13, 18, 23]

    /// The reference in Events of the Service that has this name.
    func reference(_ name: NamespacedName) -> ObjectReference {
        ObjectReference(
            kind: "Service", namespace: name.namespace, name: name.name, uid: uid.map(Self.text) ?? "")
    }

    private static func number(_ uid: String) -> UInt128? {
        let number = UInt128(uid.filter { $0 != "-" }, radix: 16)
        return number.flatMap { text($0).hasSameBytes(as: uid) ? $0 : nil }
    }

    private static func text(_ number: UInt128) -> String {
        var text = String(number, radix: 16)
        text = String(repeating: "0", count: 32 - text.utf8.count) + text
        for position in dashes.sorted() { text.insert("-", at: text.index(text.startIndex, offsetBy: position)) }
        return text
    }
}

extension Service {
    /// The bytes of its annotations and their names.
    var annotationBytes: Int {
        annotations.reduce(0) { $0 + $1.key.text.utf8.count + $1.value.text.utf8.count }
    }
}
