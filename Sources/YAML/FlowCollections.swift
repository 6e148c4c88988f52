import JSON

// Lists and maps in brackets. Their lines must be indented more than what is around them in the block, `parent`.
extension YAMLParser {
    /// Reads a list or a map in brackets, whatever the next bracket opens.
    mutating func flowCollection(in parent: Int) throws(YAMLError) -> JSONValue {
        let start = position
        try enter(at: start)
        let isList = peek == UInt8(ascii: "[")
        position += 1
        let collection = isList ? try flowList(in: parent, from: start) : try flowMap(in: parent, from: start)
        leave()
        if !isFlowIndicator(peek) { try checkEnd(ofTokenAt: start) }
        return collection
    }

    private mutating func flowList(in parent: Int, from start: Int) throws(YAMLError) -> JSONValue {
        var items: [JSONValue] = []
        while true {
            try moveToFlowToken(in: parent, from: start)
            if skipByte("]") { return .array(items) }
            guard peek != UInt8(ascii: ",") else { throw failure("expected a value before ','") }
            items.append(try flowItem(in: parent, from: start))
            try moveToFlowToken(in: parent, from: start)
            guard skipByte(",") || peek == UInt8(ascii: "]") else { throw unexpectedText("',' or ']'") }
        }
    }

    /// Reads an item of a list. `key: value` is a map of one member.
    private mutating func flowItem(in parent: Int, from start: Int) throws(YAMLError) -> JSONValue {
        let (item, line) = (position, lineStart)
        let isExplicit = peek == UInt8(ascii: "?") && isSpace(second)
        if isExplicit {
            position += 1
            try moveToFlowToken(in: parent, from: start)
        }
        let node = try flowNode(in: parent, from: start)
        try moveToFlowToken(in: parent, from: start)
        if !isExplicit {
            guard isFlowColon(after: node) else { return try value(of: node) }
            guard line == lineStart else { throw failure("a key over two lines; in a list it has one", began: item) }
        }
        var members = MapMembers()
        try enter(at: item)
        try flowMember(node, in: parent, from: start, into: &members)
        leave()
        return try value(of: Node(content: .collection(members.object(), offset: item)))
    }

    private mutating func flowMap(in parent: Int, from start: Int) throws(YAMLError) -> JSONValue {
        var members = MapMembers()
        while true {
            try moveToFlowToken(in: parent, from: start)
            if skipByte("}") { return members.object() }
            guard peek != UInt8(ascii: ",") else { throw failure("expected a key before ','") }
            if peek == UInt8(ascii: "?"), isSpace(second) {
                position += 1
                try moveToFlowToken(in: parent, from: start)
            }
            try flowMember(try flowNode(in: parent, from: start), in: parent, from: start, into: &members)
            try moveToFlowToken(in: parent, from: start)
            guard skipByte(",") || peek == UInt8(ascii: "}") else { throw unexpectedText("',' or '}'") }
        }
    }

    /// Reads the value of a key that has been read. Without a colon it is null.
    private mutating func flowMember(
        _ node: Node, in parent: Int, from start: Int, into members: inout MapMembers
    ) throws(YAMLError) {
        let key = try key(of: node)
        try moveToFlowToken(in: parent, from: start)
        guard isFlowColon(after: node) else {
            return try members.add(key, try value(of: .empty(at: position)), in: self)
        }
        position += 1
        try moveToFlowToken(in: parent, from: start)
        try members.add(key, try value(of: try flowNode(in: parent, from: start)), in: self)
    }

    /// Whether a colon is next that ends a key. Behind a quote or a bracket it needs no blank after it.
    private func isFlowColon(after node: Node) -> Bool {
        guard peek == UInt8(ascii: ":") else { return false }
        switch node.content {
        case .scalar(let scalar) where scalar.isPlain || bytes[scalar.offset] == UInt8(ascii: "*"):
            return isSpace(second) || isFlowIndicator(second)
        case .scalar, .collection: return true
        }
    }

    /// Reads a node with its tag and anchor; an empty one if there is nothing before the next sign.
    private mutating func flowNode(in parent: Int, from start: Int) throws(YAMLError) -> Node {
        var properties = Properties()
        while isAtProperty {
            try properties.add(try self.properties(isInFlow: true), in: self)
            try moveToFlowToken(in: parent, from: start)
        }
        let offset = position
        switch peek {
        case UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}"): return .empty(at: offset, properties)
        case UInt8(ascii: ":") where isSpace(second): return .empty(at: offset, properties)
        case UInt8(ascii: "["), UInt8(ascii: "{"):
            let collection = try flowCollection(in: parent)
            return Node(content: .collection(collection, offset: offset), properties: properties)
        case UInt8(ascii: "\""), UInt8(ascii: "'"):
            let scalar = try quotedScalar(in: parent)
            if !isFlowIndicator(peek) { try checkEnd(ofTokenAt: offset) }
            return Node(content: .scalar(scalar), properties: properties)
        case UInt8(ascii: "*"):
            guard properties.isEmpty else { throw failure("a tag or an anchor on an alias", at: properties.offset) }
            return try alias()
        case UInt8(ascii: "|"), UInt8(ascii: ">"):
            throw failure("\(found) begins no text inside brackets; quote it, or write the text as a block")
        default:
            return Node(content: .scalar(try plainScalar(in: parent, isInFlow: true)), properties: properties)
        }
    }

    private mutating func skipByte(_ byte: Unicode.Scalar) -> Bool {
        guard peek == UInt8(ascii: byte) else { return false }
        position += 1
        return true
    }

    /// Moves to the next token inside the bracket that was opened at `start`.
    private mutating func moveToFlowToken(in parent: Int, from start: Int) throws(YAMLError) {
        moveToToken()
        guard !isAtEnd, !isMarker else { throw unclosed(from: start) }
        guard isFirst, column <= parent else { return }
        // A line may begin with the closing bracket at the column of the key.
        let isClosing = peek == UInt8(ascii: "]") || peek == UInt8(ascii: "}")
        guard !isClosing || column < parent || hasTab else { return }
        if hasTab { throw tabFailure() }
        throw unclosed(from: start)
    }

    /// Errors point at the bracket that is not closed: where the text ends says little.
    private func unclosed(from start: Int) -> YAMLError {
        let bracket = bytes[start] == UInt8(ascii: "[") ? "']'" : "'}'"
        return failure("expected \(bracket) before \(endOfOpen)", at: start, began: start)
    }
}
