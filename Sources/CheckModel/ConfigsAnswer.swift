package import JSON

/// The answer with the configs of a node and their revision, or with the endpoints checks of a node (revision 0).
package struct ConfigsAnswer: Sendable {
    /// `last_change`: the revision of the set.
    package let lastChange: Int64
    /// The configs, in the order sent.
    package let configs: [WireConfig]

    private static let comma = [UInt8(ascii: ",")]
    private static let end = Array("]}".utf8)

    /// The largest body, in bytes, for who makes it, who passes it on and who reads it.
    package static let maximumBytes = 67_108_864
    /// The limits of a body when it is parsed.
    package static let limits = JSONLimits(bytes: maximumBytes)

    /// The body in pieces: the encoded configs, with commas between them.
    ///
    /// - Parameter isShown: whether it is shown to people, without secrets.
    package static func pieces(lastChange: Int64, configs: [EncodedConfig], isShown: Bool = false) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        pieces.reserveCapacity(2 * configs.count + 2)
        pieces.append(Array("{\"last_change\":\(lastChange),\"configs\":[".utf8))
        for (index, config) in configs.enumerated() {
            if index > 0 { pieces.append(comma) }
            pieces.append(isShown ? config.shownWire : config.wire)
        }
        pieces.append(end)
        return pieces
    }

    /// Parses a body. An answer without a list of configs is an error, never an empty set: that would stop all checks
    /// of a node.
    ///
    /// - Throws: `CheckModelError`.
    package init(parsing body: [UInt8]) throws(CheckModelError) {
        let message = "configs answer"
        let answer: JSONValue
        do {
            answer = try JSONValue(parsing: body, limits: Self.limits)
        } catch {
            throw .invalidJSON(message: message, error)
        }
        guard let lastChange = answer["last_change"]?.integerValue else {
            throw .malformed(message: message, place: "last_change", reason: "is missing or not an integer")
        }
        guard let elements = answer["configs"]?.arrayValue else {
            throw .malformed(message: message, place: "configs", reason: "is missing or not a list")
        }
        var configs: [WireConfig] = []
        for (index, element) in elements.enumerated() {
            configs.append(try WireConfig(element, message: message, place: "configs[\(index)]"))
        }
        self.lastChange = lastChange
        self.configs = configs
    }
}
