import Platform

/// A node that an alias may stand for.
enum Anchor {
    /// Not read to its end yet.
    case open
    case node(AnchoredNode)
}

struct AnchoredNode {
    let content: Content
    let tag: Tag?
    /// What each alias of it adds to what is counted: values inside it, lists and maps inside each other, bytes.
    let nodes: Int
    let depth: Int
    let bytes: Int
}

/// An anchor whose node is being read, and what was counted when it began.
struct OpenAnchor {
    let name: ExactText
    let start: Expansion
    let offset: Int
}

/// What has been read of all documents, aliases counted as what they stand for.
struct Expansion {
    var nodes = 0
    /// Lists and maps around the current place.
    var depth = 0
    /// The most that `depth` was since the innermost open anchor, or the document, began.
    var deepest = 0
    var aliasedBytes = 0
}

extension YAMLParser {
    mutating func countNode() throws(YAMLError) {
        expansion.nodes += 1
        try checkNodes(at: position)
    }

    private func checkNodes(at offset: Int) throws(YAMLError) {
        guard expansion.nodes <= limits.nodes else {
            throw failure("more than \(limits.nodes) values, aliases counted as what they stand for", at: offset)
        }
    }

    /// Enters a list or map that begins at `offset`.
    mutating func enter(at offset: Int) throws(YAMLError) {
        expansion.depth += 1
        try reach(expansion.depth, at: offset)
    }

    mutating func leave() {
        expansion.depth -= 1
    }

    private mutating func reach(_ depth: Int, at offset: Int) throws(YAMLError) {
        expansion.deepest = max(expansion.deepest, depth)
        guard depth <= limits.depth else {
            throw failure("more than \(limits.depth) lists and maps inside each other", at: offset)
        }
    }
}

extension YAMLParser {
    /// Reads an anchor. A later one of the same name replaces an earlier one.
    mutating func anchor() throws(YAMLError) -> OpenAnchor {
        let offset = position
        let name = ExactText(try anchorName("an anchor"))
        guard anchors[name] != nil || anchors.count < limits.anchors else {
            throw failure("more than \(limits.anchors) anchors", at: offset)
        }
        anchors[name] = .open
        let anchor = OpenAnchor(name: name, start: expansion, offset: offset)
        expansion.deepest = expansion.depth
        return anchor
    }

    /// Reads an alias, and counts what it stands for.
    mutating func alias() throws(YAMLError) -> Node {
        let offset = position
        let name = try anchorName("an alias")
        guard let anchor = anchors[name] else {
            throw failure("an alias without an anchor before it; quote it if it is text", at: offset)
        }
        guard case .node(let node) = anchor else {
            throw failure("an alias inside what it stands for", at: offset)
        }
        var content = node.content
        if case .scalar(let scalar) = content {
            guard !scalar.isPlain || scalar.text != "<<" else { throw failure("an alias of '<<'", at: offset) }
            content = .scalar(Scalar(text: scalar.text, isPlain: scalar.isPlain, offset: offset))
        }
        expansion.nodes += node.nodes
        expansion.aliasedBytes += node.bytes
        try reach(expansion.depth + node.depth, at: offset)
        try checkNodes(at: offset)
        guard expansion.aliasedBytes <= limits.aliasedBytes else {
            throw failure("aliases stand for more than \(limits.aliasedBytes) bytes together", at: offset)
        }
        return Node(content: content, properties: Properties(tag: node.tag, offset: offset))
    }

    private mutating func anchorName(_ what: StaticString) throws(YAMLError) -> String {
        let start = position + 1
        position = start
        while !isSpace(peek), !isFlowIndicator(peek) {
            switch peek {
            case UInt8(ascii: ":"), UInt8(ascii: "?"), UInt8(ascii: "%"), UInt8(ascii: "@"), UInt8(ascii: "`"):
                // libyaml ends the name here, the standard does not.
                throw failure("\(found) in the name of \(what); write a blank before it if the name ends there")
            default: position += 1
            }
        }
        guard position > start else { throw failure("expected the name of \(what), found \(found)") }
        return text(start..<position)
    }

    /// Makes a node that has been read to its end known to aliases.
    mutating func define(_ node: Node) {
        guard let anchor = node.properties.anchor else { return }
        let start = anchor.start
        anchors[anchor.name] = .node(
            AnchoredNode(
                content: node.content, tag: node.properties.tag, nodes: max(0, expansion.nodes - start.nodes - 1),
                depth: expansion.deepest - expansion.depth,
                bytes: position - anchor.offset + expansion.aliasedBytes - start.aliasedBytes))
        expansion.deepest = max(expansion.deepest, start.deepest)
    }

    /// The text of a key. This is the end of the node: its anchor can be used from here.
    mutating func key(of node: Node) throws(YAMLError) -> MapKey {
        let key = try mapKey(of: node)
        define(node)
        return key
    }
}
