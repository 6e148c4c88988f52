import JSON

// Lists and maps that are written line by line. All items of one, and all keys, stand at one column.
extension YAMLParser {
    /// Reads a list; the next byte is its first dash. One at the column of its key ends with the next key there.
    mutating func blockList(at column: Int, isAtParent: Bool) throws(YAMLError) -> JSONValue {
        let start = position
        var items: [JSONValue] = []
        try enter(at: start)
        repeat {
            skip(1)
            items.append(try blockValue(in: column, .item))
            guard try isAtNext(column, from: start, "'- '") else { break }
            guard isIndicator(UInt8(ascii: "-")) else {
                if isAtParent { break }
                throw expectedItem(from: start)
            }
        } while true
        leave()
        return .array(items)
    }

    /// Reads a map, whose first key may have been read up to its colon.
    mutating func blockMap(at column: Int, from start: Int, firstKey: MapKey?) throws(YAMLError) -> JSONValue {
        var members = MapMembers()
        var key = firstKey
        try enter(at: start)
        repeat {
            if key == nil, isIndicator(UInt8(ascii: "?")) {
                try explicitMember(at: column, into: &members)
            } else {
                let name = if let key { key } else { try blockKey(in: column, from: start) }
                skip(1)
                try members.add(name, try blockValue(in: column, .value), in: self)
            }
            key = nil
        } while try isAtNext(column, from: start, "a key")
        leave()
        return members.object()
    }

    /// Reads `? key`, and `: value` if that follows at the same column.
    private mutating func explicitMember(at column: Int, into members: inout MapMembers) throws(YAMLError) {
        skip(1)
        let key = try key(of: try blockNode(in: column, .item))
        moveToToken()
        let hasValue = isFirst && self.column == column && isIndicator(UInt8(ascii: ":"))
        guard hasValue else {
            return try members.add(key, try value(of: .empty(at: position)), in: self)
        }
        guard !hasTab else { throw tabFailure() }
        skip(1)
        try members.add(key, try blockValue(in: column, .explicitValue), in: self)
    }

    /// Whether a line with another item or key follows.
    private mutating func isAtNext(_ column: Int, from start: Int, _ what: StaticString) throws(YAMLError) -> Bool {
        moveToToken()
        guard !isAtEnd, !isMarker else { return false }
        guard isFirst else { throw unexpectedText("the end of the line") }
        guard self.column >= column else { return false }
        guard !hasTab else { throw tabFailure() }
        guard self.column == column else {
            let expected = "expected \(what) at column \(column + 1) as at \(place(of: start))"
            throw failure("\(expected), found \(found) at column \(self.column + 1)", began: start)
        }
        return true
    }

    private func expectedItem(from start: Int) -> YAMLError {
        let reason =
            peek == UInt8(ascii: "-")
            ? "expected a blank after '-'"
            : "expected '- ' or the end of the list that begins at \(place(of: start)), found \(found)"
        return failure(reason, began: start)
    }

    /// Reads a key after the first one up to its colon.
    private mutating func blockKey(in column: Int, from start: Int) throws(YAMLError) -> MapKey {
        let first = position
        let properties = isAtProperty ? try properties(isInFlow: false) : Properties()
        switch peek {
        case UInt8(ascii: "["), UInt8(ascii: "{"), UInt8(ascii: "|"), UInt8(ascii: ">"):
            throw expectedKey(from: start, "found \(found)")
        case UInt8(ascii: "-"), UInt8(ascii: "?"):
            if isSpace(second) { throw expectedKey(from: start, "found '\(text(position..<position + 1))'") }
        default: break
        }
        let node = try blockScalarOrAlias(in: column, properties)
        guard peek == UInt8(ascii: ":") else {
            let hasColon = bytes[first..<position].contains(UInt8(ascii: ":"))
            position = first
            let hint = hasColon ? "; a colon needs a blank after it" : ""
            throw expectedKey(from: start, "found text without ': '\(hint)")
        }
        return try key(of: node)
    }

    private func expectedKey(from start: Int, _ found: String) -> YAMLError {
        failure("expected a key of the map that begins at \(place(of: start)), \(found)", began: start)
    }
}
