import JSON
import Platform

/// A target that HTTP service discovery lists.
struct DiscoveredTarget: Hashable, Comparable {
    /// As it is listed.
    @ExactText private(set) var text: String
    /// What its labels become.
    let tags: [String]
    private let host: TemplateValue
    private let port: TemplateValue

    /// A target: an address and a port, or something else, such as a URL, which is then all host.
    init(_ text: String, tags: [String]) {
        self.text = text
        self.tags = tags
        let parts = Self.parts(text)
        // Only an address of IPv6 gets brackets where it needs them.
        let isAddress =
            parts.host.utf8.count { $0 == UInt8(ascii: ":") } > 1
            && parts.host.utf8.allSatisfy { hexadecimalValue(of: $0) != nil || ":.".utf8.contains($0) }
        host = isAddress ? .host(parts.host) : .environment(parts.host)
        port = .environment(parts.port)
    }

    static func < (left: DiscoveredTarget, right: DiscoveredTarget) -> Bool {
        if left._text != right._text { return left._text < right._text }
        return left.tags.map { ExactText($0) }.lexicographicallyPrecedes(right.tags.map { ExactText($0) })
    }

    /// A text with `%%host%%` and `%%port%%` replaced; all else stays as it is.
    func resolve(_ text: String) -> String {
        (try? Template(text).resolvedText(Variables(host: host, port: port))) ?? text
    }

    private struct Variables: TemplateVariables {
        let host: TemplateValue
        let port: TemplateValue

        func value(of name: String, _ parameter: String?) throws(AutoConfError) -> TemplateValue {
            switch (name, parameter) {
            case ("host", nil): host
            case ("port", nil): port
            default: .literal
            }
        }
    }

    private static func parts(_ text: String) -> (host: String, port: String) {
        guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")) else { return (text, "") }
        let port = text[text.index(after: colon)...]
        var host = text[..<colon]
        guard portNumber(port) != nil else { return (text, "") }
        if host.utf8.first == UInt8(ascii: "["), host.utf8.last == UInt8(ascii: "]") {
            host = host.dropFirst().dropLast()
        } else if host.utf8.contains(UInt8(ascii: ":")) {
            return (text, "")
        }
        return (String(host), String(port))
    }
}

/// The targets of an answer of HTTP service discovery: a list of groups, each with `targets` and `labels`.
///
/// It is read without building a value for all of it. What is wrong in it takes all of it: half a list would end the
/// checks of the other half.
struct DiscoveredTargets: JSONReadable {
    /// The most targets of one answer.
    static let mostTargets = 20_000

    private(set) var all: [DiscoveredTarget] = []

    init(from json: inout JSONReader) throws(JSONError) {
        var (groups, targets) = (0, 0)
        for group in try json.array({ (json) throws(JSONError) in
            let group = try Group(from: &json)
            (groups, targets) = (groups + 1, targets + group.targets.count)
            guard max(groups, targets) <= Self.mostTargets else { throw Self.tooMany(json) }
            return group
        }) {
            all += group.targets.map { DiscoveredTarget($0, tags: group.tags) }
        }
    }

    fileprivate static func tooMany(_ json: JSONReader) -> JSONError {
        json.failure("is one too many: \(mostTargets) groups and targets are read")
    }

    private struct Group: JSONReadable {
        var targets: [String] = []
        var tags: [String] = []

        init(from json: inout JSONReader) throws(JSONError) {
            try json.enterObject()
            while let key = try json.nextKey() {
                switch key {
                case "targets":
                    var count = 0
                    targets = try json.array { (json) throws(JSONError) in
                        count += 1
                        guard count <= DiscoveredTargets.mostTargets else { throw DiscoveredTargets.tooMany(json) }
                        let target = try json.string()
                        guard !target.isEmpty else { throw json.failure("is empty") }
                        return target
                    }
                case "labels": tags = try json.strings { _ in true }.compactMap(Self.tag).sortedByBytes()
                default: break
                }
            }
        }

        /// The tag of a label; nil for one of Prometheus' own.
        private static func tag(_ name: ExactText, _ value: ExactText) -> String? {
            let meta = "__meta_"
            if name.hasPrefix(meta) {
                return String(decoding: name.text.utf8.dropFirst(meta.utf8.count), as: UTF8.self) + ":\(value)"
            }
            return name.hasPrefix("__") ? nil : "\(name):\(value)"
        }
    }
}
