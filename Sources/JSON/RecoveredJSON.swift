package import Platform

/// A JSON value whose text may have faults that leave no doubt where each value ends: a duplicate key, a string with a
/// wrong escape, a lone surrogate or invalid UTF-8, a word or a number that JSON does not have. One of them then need
/// not take what else the text holds.
package struct RecoveredJSON: Sendable {
    /// A step from a value to one within it.
    package enum Step: Hashable, Sendable {
        /// To the value of an object's key.
        case member(ExactText)
        /// To an element of an array.
        case element(Int)
    }

    /// A fault, and the value that it is in: the object of a duplicate or wrong key, else the wrong value itself.
    package struct Fault: Hashable, Sendable {
        /// The steps from the outermost value.
        package let path: [Step]
        /// What is wrong, and where in the text.
        package let error: JSONError
    }

    /// The value. Where a value is wrong it has null, where a key is wrong nothing, and of equal keys it has the last.
    package let value: JSONValue
    /// The faults, in the order of the text.
    package let faults: [Fault]

    /// A value without faults.
    package init(_ value: JSONValue) {
        (self.value, faults) = (value, [])
    }

    /// Parses a whole JSON text.
    ///
    /// - Throws: `JSONError` if it is not clear what belongs to which value, or a limit is exceeded.
    package init(parsing bytes: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONError) {
        // Nearly every text has no fault, and then needs no account of where each value is.
        if let sound = try? JSONValue(parsing: bytes, limits: limits) {
            (value, faults) = (sound, [])
            return
        }
        var recovery = Recovery(scanner: try JSONScanner(bytes, limits: limits))
        do throws(JSONError) {
            value = try recovery.value()
            try recovery.scanner.end()
        } catch {
            // Where the structure ends may only follow from it.
            throw recovery.faults.first?.error ?? error
        }
        faults = recovery.faults
    }

    /// The faults within each member or element, by its step, with paths that begin there.
    package var faultsByStep: [Step: [Fault]] {
        let inner = faults.filter { !$0.path.isEmpty }
        return Dictionary(grouping: inner, by: { $0.path[0] }).mapValues { faults in
            faults.map { Fault(path: Array($0.path.dropFirst()), error: $0.error) }
        }
    }
}

private struct Recovery {
    var scanner: JSONScanner
    var faults: [RecoveredJSON.Fault] = []
    private var path: [RecoveredJSON.Step] = []

    init(scanner: JSONScanner) {
        self.scanner = scanner
    }

    mutating func value() throws(JSONError) -> JSONValue {
        scanner.skipWhitespace()
        switch scanner.peek {
        case UInt8(ascii: "{"): return .object(try members())
        case UInt8(ascii: "["): return .array(try elements())
        default:
            if !faults.isEmpty { scanner.countLines() }
            let start = scanner
            do { return try scanner.value() } catch {
                scanner = start
                guard !path.isEmpty, scanner.skipUncheckedScalar() else { throw error }
                add(error)
                return .null
            }
        }
    }

    private mutating func members() throws(JSONError) -> [ExactText: JSONValue] {
        var members: [ExactText: JSONValue] = [:]
        try scanner.enterObject()
        var isFirst = true
        while let start = try scanner.nextMember(isFirst: isFirst) {
            isFirst = false
            scanner.countLines()
            let place = scanner.place(of: start)
            let key = try key()
            path.append(.member(key ?? ""))
            let value = try value()
            path.removeLast()
            if let key, members.updateValue(value, forKey: key) != nil {
                add(JSONError(at: place, reason: "duplicate key \(shownName(key.text))"))
            }
        }
        return members
    }

    /// The next key; nil if it is wrong.
    private mutating func key() throws(JSONError) -> ExactText? {
        let start = scanner
        do { return ExactText(wrappedValue: try scanner.key()) } catch {
            scanner = start
            guard scanner.skipUncheckedScalar() else { throw error }
            try scanner.skipColon()
            add(error)
            return nil
        }
    }

    private mutating func elements() throws(JSONError) -> [JSONValue] {
        var elements: [JSONValue] = []
        try scanner.enterArray()
        while try scanner.nextElement(isFirst: elements.isEmpty) {
            path.append(.element(elements.count))
            elements.append(try value())
            path.removeLast()
        }
        return elements
    }

    private mutating func add(_ error: JSONError) {
        faults.append(RecoveredJSON.Fault(path: path, error: error))
    }
}

extension JSONScanner {
    /// Skips a string up to its closing quote, whatever else it holds but line feeds, or a word of letters, digits,
    /// signs and points. Returns false, and may have moved, if neither comes next.
    fileprivate mutating func skipUncheckedScalar() -> Bool {
        var index = position
        guard peek == UInt8(ascii: "\"") else {
            while index < bytes.count, Self.isInWord(bytes[index]) { index += 1 }
            defer { move(to: index) }
            return index > position
        }
        index += 1
        while index < bytes.count, bytes[index] != UInt8(ascii: "\""), bytes[index] != UInt8(ascii: "\n") {
            index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else { return false }
        move(to: index + 1)
        return true
    }

    private static func isInWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
