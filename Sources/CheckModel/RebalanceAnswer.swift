import JSON
package import Platform

/// The request of `POST /api/v1/clusterchecks/rebalance`.
package struct RebalanceRequest: Hashable, Sendable {
    /// `force`: whether to move checks even if the gain is small.
    package let force: Bool

    /// Parses a body. A missing `force` is false, and unknown keys are ignored.
    ///
    /// - Throws: `CheckModelError`: not an object, or `force` is not a boolean.
    package init(parsing body: [UInt8]) throws(CheckModelError) {
        let message = "rebalance request"
        let request: JSONValue
        do { request = try JSONValue(parsing: body) } catch { throw .invalidJSON(message: message, error) }
        guard case .object(let members) = request else {
            throw .malformed(message: message, place: "the body", reason: "is \(request.kind), not an object")
        }
        switch members["force"] {
        case nil, .null?: force = false
        case .bool(let flag)?: force = flag
        case let value?: throw .malformed(message: message, place: "force", reason: "is \(value.kind), not a boolean")
        }
    }
}

/// The answer to a rebalancing: the moves, in the order in which they were made.
package enum RebalanceAnswer {
    /// One config that was moved to another node.
    package struct Move: Hashable, Sendable {
        /// The config's digest.
        @ExactText package private(set) var digest: String
        /// The check's name.
        @ExactText package private(set) var checkName: String
        /// Its weight; 0 where utilization decides.
        package let weight: Int
        /// The node that had it.
        @ExactText package private(set) var source: String
        /// How much busier than the average that node was before; 0 where utilization decides.
        package let sourceDifference: Int
        /// The node that has it now.
        @ExactText package private(set) var destination: String
        /// How much busier than the average that node was before; 0 where utilization decides.
        package let destinationDifference: Int

        /// A move.
        package init(
            digest: String, checkName: String, weight: Int, source: String, sourceDifference: Int, destination: String,
            destinationDifference: Int
        ) {
            self.digest = digest
            self.checkName = checkName
            self.weight = weight
            self.source = source
            self.sourceDifference = sourceDifference
            self.destination = destination
            self.destinationDifference = destinationDifference
        }
    }

    /// The body: `[]` if nothing was moved.
    package static func encoded(_ moves: [Move]) -> [UInt8] {
        JSONValue.array(
            moves.map { move in
                .object([
                    "digest": .string(move.digest), "check_name": .string(move.checkName),
                    "check_weight": .integer(Int64(move.weight)), "source_node_name": .string(move.source),
                    "source_diff": .integer(Int64(move.sourceDifference)), "dest_node_name": .string(move.destination),
                    "dest_diff": .integer(Int64(move.destinationDifference)),
                ])
            }
        ).encoded()
    }
}

/// The answer to a request to isolate a check.
package struct IsolateAnswer: Hashable, Sendable {
    /// The check ID.
    @ExactText package private(set) var checkID: String
    /// Its node; empty if it was not isolated.
    @ExactText package private(set) var node: String
    /// Why it was not isolated; empty if it was.
    @ExactText package private(set) var reason: String

    /// The check is alone on `node` now.
    package init(isolated checkID: String, on node: String) {
        self.checkID = checkID
        self.node = node
        reason = ""
    }

    /// The check was not isolated, for this reason.
    package init(refused checkID: String, reason: String) {
        self.checkID = checkID
        node = ""
        self.reason = reason
    }

    /// The body.
    package func encoded() -> [UInt8] {
        JSONValue.object([
            "check_id": .string(checkID), "check_node": .string(node), "is_isolated": .bool(reason.isEmpty),
            "reason": .string(reason),
        ]).encoded()
    }
}
