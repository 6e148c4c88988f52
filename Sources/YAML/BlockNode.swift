import JSON

/// Where a node of a block stands.
enum BlockPlace {
    /// The root of a document. A list or map begins on a line of its own, not on that of `---`.
    case document
    /// After `-` or `?`. A list or map may begin on the same line.
    case item
    /// After the `:` that belongs to a `?`. As an item, but a list may also stand at the column of the map.
    case explicitValue
    /// After a key and its colon. A list or map begins on a line of its own, a list at the column of the key or deeper.
    case value

    fileprivate var allowsCollectionOnLine: Bool { self == .item || self == .explicitValue }
    fileprivate var allowsListAtParent: Bool { self == .value || self == .explicitValue }
}

/// The start of a node, which is that of a map if the node turns out to be its first key.
private struct Beginning {
    let column: Int
    let offset: Int
    /// Why no list or map can begin here; nil if one can.
    let obstacle: Obstacle?
    /// What stands before the node on its line. It belongs to the first key if there is one.
    var properties = Properties()

    enum Obstacle {
        case tab
        case sameLine
    }
}

extension YAMLParser {
    mutating func blockValue(in parent: Int, _ place: BlockPlace) throws(YAMLError) -> JSONValue {
        try value(of: try blockNode(in: parent, place))
    }

    /// Reads a node; an empty one if what follows is not indented enough to be inside `parent`.
    mutating func blockNode(in parent: Int, _ place: BlockPlace) throws(YAMLError) -> Node {
        let start = position
        var properties = Properties()
        while true {
            moveToToken()
            let isListAtParent =
                column == parent && isFirst && !hasTab && place.allowsListAtParent && isIndicator(UInt8(ascii: "-"))
            guard !isAtEnd, !isMarker, column > parent || isListAtParent else { return .empty(at: start, properties) }
            // Only what begins its line, or an item, has a column at which more keys or items can follow.
            let isAllowed = isFirst || place.allowsCollectionOnLine && properties.isEmpty
            var beginning = Beginning(
                column: column, offset: position, obstacle: !isAllowed ? .sameLine : hasTab ? .tab : nil)
            if isAtProperty {
                beginning.properties = try self.properties(isInFlow: false)
                if isBreak(peek) || isAtEnd || peek == UInt8(ascii: "#") {
                    try properties.add(beginning.properties, in: self)
                    continue
                }
            }
            return try blockContent(in: parent, beginning, properties)
        }
    }

    /// Reads a node that begins at the next byte. `properties` stand on lines before it.
    private mutating func blockContent(
        in parent: Int, _ beginning: Beginning, _ properties: Properties
    ) throws(YAMLError) -> Node {
        switch peek {
        case UInt8(ascii: "-") where isSpace(second):
            try checkCollection(at: beginning, "a list", hasNoProperties: true)
            let list = try blockList(at: beginning.column, isAtParent: beginning.column == parent)
            return Node(content: .collection(list, offset: beginning.offset), properties: properties)
        case UInt8(ascii: "?") where isSpace(second):
            try checkCollection(at: beginning, "a map", hasNoProperties: true)
            let map = try blockMap(at: beginning.column, from: beginning.offset, firstKey: nil)
            return Node(content: .collection(map, offset: beginning.offset), properties: properties)
        case UInt8(ascii: "|"), UInt8(ascii: ">"):
            return try node(.scalar(try blockScalar(in: parent)), properties, beginning.properties)
        case UInt8(ascii: "["), UInt8(ascii: "{"):
            let collection = try flowCollection(in: parent)
            skipBlanks()
            guard peek != UInt8(ascii: ":") else {
                throw failure("a list or a map as a key, which JSON does not have", at: beginning.offset)
            }
            return try node(.collection(collection, offset: beginning.offset), properties, beginning.properties)
        default: return try scalarOrMap(in: parent, beginning, properties)
        }
    }

    private mutating func scalarOrMap(
        in parent: Int, _ beginning: Beginning, _ properties: Properties
    ) throws(YAMLError) -> Node {
        let isAlias = peek == UInt8(ascii: "*")
        let scalar = try blockScalarOrAlias(in: parent, beginning.properties)
        guard peek == UInt8(ascii: ":") else {
            guard !isAlias || properties.isEmpty else {
                throw failure("a tag or an anchor on an alias", at: properties.offset)
            }
            return try node(scalar.content, properties, scalar.properties)
        }
        try checkCollection(at: beginning, "a map", hasNoProperties: false)
        let key = try key(of: scalar)
        let map = try blockMap(at: beginning.column, from: beginning.offset, firstKey: key)
        return Node(content: .collection(map, offset: beginning.offset), properties: properties)
    }

    private func node(
        _ content: Content, _ properties: Properties, _ more: Properties
    ) throws(YAMLError) -> Node {
        var node = Node(content: content, properties: properties)
        try node.properties.add(more, in: self)
        return node
    }

    private func checkCollection(
        at beginning: Beginning, _ what: StaticString, hasNoProperties: Bool
    ) throws(YAMLError) {
        guard !hasNoProperties || beginning.properties.isEmpty else {
            throw failure("\(what) on the line of its tag or anchor; it begins on the next line")
        }
        switch beginning.obstacle {
        case nil: return
        case .tab: throw failure("a tab before it; YAML is indented by spaces only", at: beginning.offset)
        case .sameLine where peek == UInt8(ascii: ":"):
            throw failure("': ' in a value without quotes; quote the value, or begin a map on the next line")
        case .sameLine: throw failure("\(what) on the line of its key or of '---'; it begins on the next line")
        }
    }

    /// Reads a scalar or an alias, and stops at the colon behind it if it is a key.
    mutating func blockScalarOrAlias(in parent: Int, _ properties: Properties) throws(YAMLError) -> Node {
        let start = position
        let line = lineStart
        let node: Node
        switch peek {
        case UInt8(ascii: "*"):
            guard properties.isEmpty else { throw failure("a tag or an anchor on an alias", at: properties.offset) }
            node = try alias()
        case UInt8(ascii: "\""), UInt8(ascii: "'"):
            node = Node(content: .scalar(try quotedScalar(in: parent)), properties: properties)
        default: return Node(content: .scalar(try plainScalar(in: parent, isInFlow: false)), properties: properties)
        }
        try checkEnd(ofTokenAt: start)
        skipBlanks()
        guard peek == UInt8(ascii: ":") else { return node }
        guard isSpace(second) else { throw failure("expected a blank after ':'", at: position + 1) }
        guard line == lineStart else { throw failure("a key over two lines; it has one", began: start) }
        return node
    }

    /// Fails if text stands directly behind a quote, an alias or a bracket.
    func checkEnd(ofTokenAt start: Int) throws(YAMLError) {
        guard !isSpace(peek), peek != UInt8(ascii: ":") else { return }
        let first = bytes[start]
        if peek == UInt8(ascii: "#") { throw failure("a comment needs a blank before its '#'") }
        if first == UInt8(ascii: "'") {
            throw failure(
                "text after the closing quote; inside single quotes a quote is written twice: ''", began: start)
        }
        if first == UInt8(ascii: "\"") {
            throw failure("text after the closing quote; inside double quotes a quote is written \\\"", began: start)
        }
        throw failure("expected the end of the value, found \(found)")
    }
}
