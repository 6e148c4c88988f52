import JSON
package import Platform

/// The request of `POST /api/v1/clusterchecks/rebalance`.
package struct RebalanceRequest: Hashable, Sendable {
    /// `force`: whether to move checks even if the gain is small.
    package let force: Bool
    /// `dry_run`: whether to say what would be moved, and move nothing.
    package let isDry: Bool
    /// `explain`: whether to answer with an object that also says why.
    package let explains: Bool

    /// Parses a body. What is missing is false, and unknown keys are ignored.
    ///
    /// - Throws: `CheckModelError`: not an object, or one of the three is not a boolean.
    package init(parsing body: [UInt8]) throws(CheckModelError) {
        let message = "rebalance request"
        let request: JSONValue
        do { request = try JSONValue(parsing: body) } catch { throw .invalidJSON(message: message, error) }
        guard case .object(let members) = request else {
            throw .malformed(message: message, place: "the body", reason: "is \(request.kind), not an object")
        }
        func flag(_ key: String) throws(CheckModelError) -> Bool {
            switch members[ExactText(key)] {
            case nil, .null?: return false
            case .bool(let flag)?: return flag
            case let value?: throw .malformed(message: message, place: key, reason: "is \(value.kind), not a boolean")
            }
        }
        force = try flag("force")
        isDry = try flag("dry_run")
        explains = try flag("explain")
    }
}

/// The answer to a rebalancing: the moves, in the order in which they were made, and what an operator should know.
package struct RebalanceAnswer: Hashable, Sendable {
    /// One config that was moved to another node.
    package struct Move: Hashable, Sendable {
        /// The ID of its check, as `clusterchecks` shows it.
        @ExactText package private(set) var checkID: String
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
        /// How much of the unevenness the move takes away: 1 is all of it.
        package let gain: Double

        /// A move.
        package init(
            checkID: String, digest: String, checkName: String, weight: Int, source: String, sourceDifference: Int,
            destination: String,
            destinationDifference: Int, gain: Double = 0
        ) {
            self.gain = gain
            self.checkID = checkID
            self.digest = digest
            self.checkName = checkName
            self.weight = weight
            self.source = source
            self.sourceDifference = sourceDifference
            self.destination = destination
            self.destinationDifference = destinationDifference
        }
    }

    /// The moves.
    package let moves: [Move]
    /// Why nothing moves, and who gave no statistics; empty if nothing need be said.
    @ExactText package private(set) var note: String
    /// Whether nothing was moved: this is what would be.
    package let isDry: Bool

    /// An answer.
    package init(moves: [Move], note: String = "", isDry: Bool = false) {
        self.moves = moves
        self.isDry = isDry
        self.note = note
    }

    /// The body as Datadog's command line expects it, a list of the moves, with two members more in each: `check_id`
    /// and `gain`. `[]` if nothing was moved.
    package func encoded() -> [UInt8] { list.encoded() }

    /// The body for who asked to be told why: an object with the list, `note` and `dry_run`.
    package func explained() -> [UInt8] {
        JSONValue.object(["moves": list, "note": .string(note), "dry_run": .bool(isDry)]).encoded()
    }

    private var list: JSONValue {
        .array(
            moves.map { move in
                .object([
                    "check_id": .string(move.checkID), "digest": .string(move.digest),
                    "check_name": .string(move.checkName),
                    "check_weight": .integer(Int64(move.weight)), "source_node_name": .string(move.source),
                    "source_diff": .integer(Int64(move.sourceDifference)), "dest_node_name": .string(move.destination),
                    "dest_diff": .integer(Int64(move.destinationDifference)),
                    "gain": .number("\((move.gain * 1e4).rounded() / 1e4)"),
                ])
            })
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

    /// What it means, for people; empty if it was not isolated.
    @ExactText package private(set) var done: String

    /// The check has a node, which it does not share as far as others may run elsewhere.
    package init(isolated checkID: String, on node: String, done: String) {
        self.checkID = checkID
        self.node = node
        self.done = done
        reason = ""
    }

    /// The check was not isolated, for this reason.
    package init(refused checkID: String, reason: String) {
        self.checkID = checkID
        (node, done) = ("", "")
        self.reason = reason
    }

    /// The body. Upstream does not have `done`.
    package func encoded() -> [UInt8] {
        JSONValue.object([
            "check_id": .string(checkID), "check_node": .string(node), "is_isolated": .bool(reason.isEmpty),
            "reason": .string(reason), "done": .string(done),
        ]).encoded()
    }
}
