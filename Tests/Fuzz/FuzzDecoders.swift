import CheckModel
import ClusterChecks
import JSON
import Platform

#if canImport(Replica)
    @testable import Replica
#else
    /// The cases that are needed of what names most of the API.
    enum APIError: Error {
        case malformedFollow(String)
        case malformedMirror(String)
    }
#endif

/// Reads one message of the protocol, whose kind the first byte names. What is read must be read again from what it
/// encodes to.
func fuzzDecoders(_ input: [UInt8]) {
    let body = Array(input.dropFirst())
    switch input.first {
    case UInt8(ascii: "s"): readStatus(body)
    case UInt8(ascii: "u"):
        guard let answer = try? NodeStatusAnswer(parsing: body) else { return }
        let again = NodeStatusAnswer.bytes(upToDate: answer.isUpToDate, handingOver: answer.handingOver)
        precondition((try? NodeStatusAnswer(parsing: again)) == answer, "the answer to a status changes")
        precondition(
            (try? JSONValue(parsing: body))?["isuptodate"] == .bool(answer.isUpToDate), "up to date without a word")
    case UInt8(ascii: "c"): readConfigs(body)
    case UInt8(ascii: "f"):
        guard let request = try? FollowRequest(parsing: body) else { return }
        precondition((try? FollowRequest(parsing: request.encoded())) == request, "a follower's request changes")
    case UInt8(ascii: "a"):
        guard let answer = FollowAnswer(parsing: body) else { return }
        precondition(FollowAnswer(parsing: answer.encoded()) == answer, "an answer to a follower changes")
    case UInt8(ascii: "m"):
        guard let request = try? MirrorRequest(parsing: body) else { return }
        precondition((try? MirrorRequest(parsing: request.encoded())) == request, "a follower's call changes")
    case UInt8(ascii: "M"): readMirrorAnswer(body)
    case UInt8(ascii: "r"):
        guard let stats = try? RunnerStats.byCheckID(parsing: body, of: "runner") else { return }
        let shown = JSONValue.object(stats.mapValues(\.shown)).encoded()
        guard let again = try? RunnerStats.byCheckID(parsing: shown, of: "runner") else {
            fatalError("what is shown of statistics are none")
        }
        precondition(again.mapValues(\.shown) == stats.mapValues(\.shown), "statistics change on their way")
    case UInt8(ascii: "w"):
        guard let count = try? RunnerWorkers.count(parsing: body, of: "runner") else { return }
        precondition(count >= 0 && (try? JSONValue(parsing: body))?["Count"]?.integerValue == Int64(count))
    default: break
    }
}

/// A follower applies what a leader tells, or refuses it: it must never break.
private func readMirrorAnswer(_ body: [UInt8]) {
    guard let answer = try? MirrorAnswer(parsing: body) else { return }
    guard let again = try? MirrorAnswer(parsing: answer.encoded()) else { fatalError("an answer is not one again") }
    precondition(again.encoded() == answer.encoded(), "an answer to a follower changes")
    var mirror = StoreMirror(term: "1.uid", version: 0)
    for change in answer.changes { try? mirror.apply(change, sent: .distantPast) }
    let adopted = mirror.adoption(own: [], now: .distantPast)
    var copy = StoreMirror(term: "1.uid", version: 0)
    do throws(MirrorError) {
        for change in adopted { try copy.apply(change, sent: .distantPast) }
    } catch {
        fatalError("what is adopted cannot be: \(error.reason)")
    }
    precondition(copy.store.totalCount == mirror.store.totalCount, "a config is lost in an adoption")
}

/// The reader in one pass must agree with the one that makes values, but for keys that are there twice: the last is
/// taken, as Go does.
private func readStatus(_ body: [UInt8]) {
    let json: JSONValue?
    do {
        json = try JSONValue(parsing: body)
    } catch {
        guard !error.reason.hasPrefix("duplicate key") else { return }
        json = nil
    }
    guard let status = try? NodeStatusRequest(parsing: body) else {
        if let members = json?.objectValue {
            let isWrong = members.contains { key, value in
                switch key.text.lowercased() {
                case _ where value == .null: false
                case "last_change", "node_type": value.integerValue == nil
                case "departure": value.stringValue.flatMap(Departure.init) == nil
                default: false
                }
            }
            precondition(isWrong, "a good status is refused")
        }
        return
    }
    precondition((try? NodeStatusRequest(parsing: status.encoded())) == status, "a status changes")
    guard let members = json?.objectValue else { fatalError("a status that is no JSON object") }
    for (key, value) in [("last_change", status.lastChange), ("node_type", Int64(status.nodeType))] {
        let named = members.filter { $0.key.text.lowercased() == key }.map(\.value)
        let isRight = named.isEmpty ? value == 0 : named.contains { ($0.integerValue ?? 0) == value }
        precondition(isRight, "\(key) is read as \(value)")
    }
}

private func readConfigs(_ body: [UInt8]) {
    guard let answer = try? ConfigsAnswer(parsing: body) else { return }
    guard let elements = (try? JSONValue(parsing: body, limits: ConfigsAnswer.limits))?["configs"]?.arrayValue else {
        fatalError("an answer without configs is read as an empty one")
    }
    precondition(elements.count == answer.configs.count, "a config is lost")
    for config in answer.configs {
        precondition(!config.checkName.isEmpty, "a check has a name")
        precondition(config.checkIDs.count == config.instances.count, "each instance has an ID")
        precondition(read(config.encoded()) == config, "a config changes on its way")
        let shown = Scrubbing.scrubbed(config)
        guard let again = read(shown.encoded()) else { fatalError("what is shown is no config") }
        precondition(again.checkName == config.checkName && again.instances.count == config.instances.count)
        precondition(Scrubbing.scrubbed(again) == again, "what is shown still has a secret")
    }
}

private func read(_ wire: [UInt8]) -> WireConfig? {
    guard let json = try? JSONValue(parsing: wire, limits: ConfigsAnswer.limits) else { return nil }
    return try? WireConfig(json, message: "", place: "")
}
