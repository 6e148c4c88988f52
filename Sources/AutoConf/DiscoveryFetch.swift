import JSON
package import Platform

/// Fetches over HTTP what targets there are.
package protocol DiscoveryFetch: Sendable {
    /// Sends one GET.
    ///
    /// - Parameters:
    ///   - headers: the header fields.
    ///   - limit: the most bytes of the body.
    /// - Throws: `DiscoveryFailure` if there is no answer, or its body is larger.
    func fetch(
        _ url: String, headers: [(name: String, value: String)], limit: Int, deadline: Instant
    ) async throws(DiscoveryFailure) -> DiscoveryAnswer
}

/// What a server answered.
package struct DiscoveryAnswer: Sendable {
    /// The status code.
    package var status: Int
    /// `ETag`.
    package var entityTag: String?
    /// The body.
    package var body: [UInt8]

    /// An answer.
    package init(status: Int, entityTag: String? = nil, body: [UInt8] = []) {
        self.status = status
        self.entityTag = entityTag
        self.body = body
    }
}

/// Why targets could not be read, in a line.
package struct DiscoveryFailure: Error, Hashable, Sendable {
    /// The same for the same cause, so that it is told once.
    @ExactText package private(set) var reason: String

    /// A failure.
    package init(_ reason: String) {
        self.reason = reason
    }
}

/// Asks one URL again and again, and remembers what it said.
struct DiscoveryPoll {
    /// The largest answer, in bytes.
    static let bodyLimit = 16 << 20
    /// How long one answer may take, as upstream has it.
    static let timeout = Duration.seconds(30)

    /// What came of one attempt.
    enum Reading {
        /// The targets are those of the last time.
        case unchanged
        case targets([DiscoveredTarget])
        case failed(reason: String)
    }

    let url: String
    private var entityTag: String?
    /// A hash, with a key of this process, of the last good body: many servers know no entity tags.
    private var fingerprint: Int?

    init(url: String) {
        self.url = url
    }

    /// Reads all of it the next time.
    mutating func forget() {
        (entityTag, fingerprint) = (nil, nil)
    }

    /// Asks once.
    mutating func read(
        _ fetch: any DiscoveryFetch, every interval: Duration, now: Instant
    ) async -> Reading {
        var headers = [
            (name: "Accept", value: "application/json"),
            (name: "X-Prometheus-Refresh-Interval-Seconds", value: String(max(1, Int(interval.seconds)))),
        ]
        if let entityTag { headers.append((name: "If-None-Match", value: entityTag)) }
        do throws(DiscoveryFailure) {
            let answer = try await fetch.fetch(
                url, headers: headers, limit: Self.bodyLimit, deadline: now + Self.timeout)
            return try take(answer)
        } catch {
            forget()
            return .failed(reason: error.reason)
        }
    }

    private mutating func take(_ answer: DiscoveryAnswer) throws(DiscoveryFailure) -> Reading {
        if answer.status == 304, entityTag != nil { return .unchanged }
        guard answer.status == 200 else { throw DiscoveryFailure("status \(answer.status)") }
        let new = answer.body.hashValue
        if new == fingerprint {
            entityTag = answer.entityTag
            return .unchanged
        }
        do {
            let targets = try DiscoveredTargets(parsing: answer.body, limits: JSONLimits(bytes: Self.bodyLimit)).all
            (entityTag, fingerprint) = (answer.entityTag, new)
            return .targets(targets)
        } catch {
            throw DiscoveryFailure("the answer is no list of targets: \(error)")
        }
    }
}
