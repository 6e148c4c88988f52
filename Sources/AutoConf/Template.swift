import CheckModel
import JSON
import Platform

/// The value of a `%%variable%%`.
enum TemplateValue: Hashable {
    /// An address. An IPv6 address gets brackets where it needs them.
    case host(String)
    /// A port's number.
    case port(Int)
    /// The value of an environment variable.
    case environment(String)
    /// Not a variable here: the text stays as it is.
    case literal
}

/// Where the values of a template's variables come from.
protocol TemplateVariables {
    /// The value of `%%name%%` (nil parameter) or `%%name_parameter%%`.
    func value(of name: String, _ parameter: String?) throws(AutoConfError) -> TemplateValue
}

/// A string with `%%variables%%`: `%%name%%` or `%%name_parameter%%`, anywhere in it.
///
/// Percent signs without a partner, and pairs with nothing or a line feed between them, are plain text. Text is scanned
/// by bytes, because a percent sign before a combining mark is still a percent sign.
struct Template {
    private enum Piece {
        case text(Substring)
        case variable(name: String, parameter: String?, written: Substring)
    }

    private let pieces: [Piece]

    init(_ text: String) {
        var pieces: [Piece] = []
        var rest = text[...]
        var plain = rest.startIndex
        while let open = rest.twoPercentSigns(from: rest.startIndex) {
            guard let close = rest.twoPercentSigns(from: open.upperBound) else { break }
            let content = text[open.upperBound..<close.lowerBound]
            guard !content.isEmpty, !content.utf8.contains(UInt8(ascii: "\n")) else {
                // The closing pair may open the next variable.
                rest = text[close.lowerBound...]
                continue
            }
            if plain < open.lowerBound { pieces.append(.text(text[plain..<open.lowerBound])) }
            let (name, parameter) = Self.split(content)
            pieces.append(
                .variable(name: name, parameter: parameter, written: text[open.lowerBound..<close.upperBound]))
            rest = text[close.upperBound...]
            plain = rest.startIndex
        }
        if plain < text.endIndex { pieces.append(.text(text[plain...])) }
        self.pieces = pieces
    }

    /// The text with its variables resolved.
    ///
    /// A text that consists of one variable may become a number or a boolean, as agents read it: a port always, an
    /// environment variable if Go would parse it as a 64-bit integer or as a boolean.
    func resolved(_ variables: some TemplateVariables) throws(AutoConfError) -> JSONValue {
        if pieces.count == 1, case .variable(let name, let parameter, let written) = pieces[0] {
            switch try value(of: name, parameter, written, variables) {
            case .port(let port): return .integer(Int64(port))
            case .environment(let value): return Self.typed(value)
            case .host, .literal: break
            }
        }
        return .string(try resolvedText(variables))
    }

    /// The text with its variables resolved, as text whatever it is.
    func resolvedText(_ variables: some TemplateVariables) throws(AutoConfError) -> String {
        var text = ""
        for (index, piece) in pieces.enumerated() {
            switch piece {
            case .text(let plain): text += plain
            case .variable(let name, let parameter, let written):
                switch try value(of: name, parameter, written, variables) {
                case .literal: text += written
                case .host(let host): text += needsBrackets(host, at: index, after: text) ? "[\(host)]" : host
                case .port(let port): text += String(port)
                case .environment(let value): text += value
                }
            }
        }
        return text
    }

    private func value(
        of name: String, _ parameter: String?, _ written: Substring, _ variables: some TemplateVariables
    ) throws(AutoConfError) -> TemplateValue {
        do {
            return try variables.value(of: name, parameter)
        } catch {
            let variable = String(decoding: written.utf8.dropFirst(2).dropLast(2), as: UTF8.self)
            // Percent signs may be part of a password. A mistyped name is still a word.
            let isKnown = ["host", "port", "env", "pid", "hostname", "kube", "extra"].contains(name)
            let isWord = variable == variable.lowercased() || variable == variable.uppercased()
            let isShown = isKnown || (isWord && !variable.contains { $0.isNumber })
            throw AutoConfError("%%\(isShown ? shownName(variable) : "(no variable)")%%: \(error)")
        }
    }

    /// The name ends at the first `_` that is not its first character and is followed by something.
    private static func split(_ content: Substring) -> (name: String, parameter: String?) {
        guard let underscore = content.utf8.dropFirst().firstIndex(of: UInt8(ascii: "_")) else {
            return (String(content), nil)
        }
        let parameter = content[content.utf8.index(after: underscore)...]
        return parameter.isEmpty ? (String(content), nil) : (String(content[..<underscore]), String(parameter))
    }

    /// Whether an IPv6 address needs brackets: it is in a URL's authority, or a colon follows.
    private func needsBrackets(_ host: String, at index: Int, after before: String) -> Bool {
        guard host.utf8.contains(UInt8(ascii: ":")), before.utf8.last != UInt8(ascii: "[") else { return false }
        if index + 1 < pieces.count, case .text(let next) = pieces[index + 1], next.utf8.first == UInt8(ascii: ":") {
            return true
        }
        guard let authority = before.endOfLastScheme else { return false }
        return !before.utf8[authority...].contains { "/?#".utf8.contains($0) }
    }

    private static func typed(_ value: String) -> JSONValue {
        if let integer = GoLiteral.integer(value) { return .integer(integer) }
        return GoLiteral.boolean(value).map { .bool($0) } ?? .string(value)
    }
}

extension JSONValue {
    /// The value with the variables in all its strings resolved; keys are left as they are.
    func resolved(_ variables: some TemplateVariables) throws(AutoConfError) -> JSONValue {
        switch self {
        case .null, .bool, .number: return self
        case .string(let text): return try Template(text).resolved(variables)
        case .array(let elements):
            var resolved: [JSONValue] = []
            for element in elements { resolved.append(try element.resolved(variables)) }
            return .array(resolved)
        case .object(let members):
            var resolved: [ExactText: JSONValue] = [:]
            // Sorted, so that the same one of several errors is always reported.
            for (key, value) in members.sorted(by: { $0.key < $1.key }) {
                resolved[key] = try value.resolved(variables)
            }
            return .object(resolved)
        }
    }
}

extension Substring {
    fileprivate func twoPercentSigns(from start: Index) -> Range<Index>? {
        let percent = UInt8(ascii: "%")
        var search = utf8[start...]
        while let first = search.firstIndex(of: percent) {
            let second = utf8.index(after: first)
            guard second < endIndex else { return nil }
            if utf8[second] == percent { return first..<utf8.index(after: second) }
            search = utf8[second...]
        }
        return nil
    }
}

extension String {
    /// Where the text after the last `://` starts.
    fileprivate var endOfLastScheme: Index? {
        var rest = utf8[...]
        while let slash = rest.lastIndex(of: UInt8(ascii: "/")) {
            rest = rest[..<slash]
            if rest.suffix(2).elementsEqual(":/".utf8) { return utf8.index(after: slash) }
        }
        return nil
    }
}
