import JSON
import Platform

/// The URL that the annotations `prometheus.io/scheme`, `port`, `path` and `param_NAME` of a Service describe.
///
/// An annotation that is empty is as if it were not there. No text of an annotation becomes a variable.
enum ScrapeURL {
    /// How the names of the annotations begin.
    static let prefix = "prometheus.io/"
    private static let parameterPrefix = "\(prefix)param_"

    /// The URL, with variables for the address, and for the port unless an annotation says it.
    ///
    /// - Throws: `AutoConfError` for an annotation that cannot be a part of a URL.
    static func template(_ annotations: [ExactText: ExactText]) throws(AutoConfError) -> String {
        func value(_ name: String) -> String? {
            annotations["\(prefix)\(name)"].flatMap { $0.isEmpty ? nil : $0.text }
        }
        let scheme = value("scheme") ?? "http"
        guard ["http", "https"].contains(where: scheme.hasSameBytes) else {
            throw AutoConfError("\(prefix)scheme is neither http nor https")
        }
        let port = try value("port").map(port) ?? "%%port%%"
        var url = "\(scheme)://%%host%%:\(port)" + (try path(value("path") ?? "/metrics"))
        let parameters = try parameters(annotations)
        if !parameters.isEmpty { url += (url.utf8.contains(UInt8(ascii: "?")) ? "&" : "?") + parameters }
        return url
    }

    private static func port(_ text: String) throws(AutoConfError) -> String {
        guard let port = portNumber(text) else {
            throw AutoConfError("\(prefix)port is not a number from 1 to 65535")
        }
        return String(port)
    }

    /// The path, with a slash in front as Prometheus adds it. It may have a query.
    private static func path(_ text: String) throws(AutoConfError) -> String {
        let others = "/?:@!$&'()*+,;=-._~%"
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            // Two percent signs in a row, which may begin a variable, are no escape.
            let isEscape = byte != UInt8(ascii: "%") || rest.prefix(2).compactMap(hexadecimalValue).count == 2
            let isAllowed =
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || others.utf8.contains(byte)
            guard isAllowed, isEscape else {
                throw AutoConfError(
                    "\(prefix)path has a character that a path has only percent-encoded, at byte "
                        + "\(text.utf8.count - rest.count)")
            }
        }
        return text.utf8.first == UInt8(ascii: "/") ? text : "/\(text)"
    }

    /// `a=1&b=2`, sorted by name.
    private static func parameters(_ annotations: [ExactText: ExactText]) throws(AutoConfError) -> String {
        let given = annotations.filter { $0.key.hasPrefix(parameterPrefix) }.sorted { $0.key < $1.key }
        guard given.first?.key.text.hasSameBytes(as: parameterPrefix) != true else {
            throw AutoConfError("\(parameterPrefix) names no parameter")
        }
        return given.map { key, value in
            let name = String(decoding: key.text.utf8.dropFirst(parameterPrefix.utf8.count), as: UTF8.self)
            return "\(percentEncoded(name))=\(percentEncoded(value.text))"
        }.joined(separator: "&")
    }
}
