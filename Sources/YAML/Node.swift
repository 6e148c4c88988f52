import JSON
import Platform

/// What a node is, before its tag says how to take it: that differs between keys and values.
enum Content {
    case scalar(Scalar)
    /// An array or an object, and where it begins.
    case collection(JSONValue, offset: Int)
}

struct Scalar {
    /// The text without quotes, escapes and folding.
    let text: String
    /// Whether it is written without quotes, so that it may be something else than a string.
    let isPlain: Bool
    /// Where it begins.
    let offset: Int
}

/// The tag and the anchor of a node.
struct Properties {
    var tag: Tag?
    var anchor: OpenAnchor?
    /// Where the first of them begins.
    var offset: Int?
}

struct Node {
    var content: Content
    var properties = Properties()

    /// A node without content, which is null if its tag says nothing else.
    static func empty(at offset: Int, _ properties: Properties = Properties()) -> Node {
        let scalar = Scalar(text: "", isPlain: true, offset: properties.offset ?? offset)
        return Node(content: .scalar(scalar), properties: properties)
    }
}

extension YAMLParser {
    /// The value of a node. This is the end of the node: its anchor can be used from here.
    mutating func value(of node: Node) throws(YAMLError) -> JSONValue {
        let value: JSONValue
        switch node.content {
        case .scalar(let scalar): value = try self.value(of: scalar, tag: node.properties.tag)
        case .collection(let collection, _):
            value = collection
            try check(node.properties.tag, isFor: collection)
        }
        try countNode()
        define(node)
        return value
    }

    private func check(_ tag: Tag?, isFor collection: JSONValue) throws(YAMLError) {
        guard let tag else { return }
        switch (tag.kind, collection) {
        case (.list, .array), (.map, .object): return
        default: throw failure("the tag \(tag.name) does not fit \(collection.yamlKind)", at: tag.offset)
        }
    }
}

// Tags and anchors before a node.
extension YAMLParser {
    var isAtProperty: Bool {
        peek == UInt8(ascii: "&") || peek == UInt8(ascii: "!")
    }

    /// Reads the tag and the anchor that come next on this line, in any order.
    mutating func properties(isInFlow: Bool) throws(YAMLError) -> Properties {
        var properties = Properties(offset: position)
        while isAtProperty {
            var next = Properties(offset: position)
            if peek == UInt8(ascii: "!") { next.tag = try tag() } else { next.anchor = try anchor() }
            try properties.add(next, in: self)
            guard isSpace(peek) || isInFlow && isFlowIndicator(peek) else {
                throw failure("expected a blank after a tag or an anchor, found \(found)")
            }
            skipBlanks()
        }
        return properties
    }
}

extension Properties {
    var isEmpty: Bool { tag == nil && anchor == nil }

    /// Adds those that come after these ones.
    mutating func add(_ other: Properties, in parser: YAMLParser) throws(YAMLError) {
        guard tag == nil || other.tag == nil else { throw parser.failure("two tags on one value", at: other.offset) }
        guard anchor == nil || other.anchor == nil else {
            throw parser.failure("two anchors on one value", at: other.offset)
        }
        tag = tag ?? other.tag
        anchor = anchor ?? other.anchor
        offset = offset ?? other.offset
    }
}

extension JSONValue {
    /// What it is in YAML's words, for messages.
    var yamlKind: String {
        switch self {
        case .array: "a list"
        case .object: "a map"
        default: kind
        }
    }
}
