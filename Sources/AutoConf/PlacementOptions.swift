import CheckModel
import JSON
import Platform

/// What an author says of where a check runs and how it is moved: the annotation `placement`, or the key of that name
/// in a file.
///
/// It decides only where the check runs, so nothing that is wrong in it takes the check away: it is told, and the
/// default is used.
struct PlacementOptions: Hashable {
    /// The annotation, and the key of a file.
    static let key = "placement"

    private(set) var handOver = HandOverPolicy.sticky
    private(set) var rules: PlacementRules?
    /// Whether something of it cannot be used.
    private(set) var isBroken = false

    /// Whether it asks for nothing.
    var isDefault: Bool { handOver == .sticky && rules == nil }

    /// The range of a weight: from a light check to as much as a hundred nodes of a thousand checks each.
    private static let weights = 0.001...100_000
    /// The most labels, and zones, that can be asked for.
    private static let mostTerms = 32
    /// The longest name or value, in bytes: as long as Kubernetes allows names to be.
    fileprivate static let longest = 253

    /// Nothing is said.
    init() {}

    /// Reads the text of the annotation.
    ///
    /// - Parameter warnings: gets a reason for all that is not used.
    init(annotation text: String, warnings: inout [String]) {
        do throws(AutoConfError) {
            let read = try ConfigText.annotation(text)
            if let fault = read.faults.first { throw AutoConfError(fault.error.description) }
            self.init(read.value, warnings: &warnings)
        } catch {
            self.init(unreadable: error, warnings: &warnings)
        }
    }

    /// What there is if the text has a fault: nothing can be relied on then.
    init(unreadable error: some Error, warnings: inout [String]) {
        warnings.append("\(Self.key): \(error); it is not used")
        isBroken = true
    }

    /// Reads the object.
    ///
    /// - Parameter warnings: gets a reason for all that is not used.
    init(_ json: JSONValue, warnings: inout [String]) {
        do throws(AutoConfError) {
            var fields = try ConfigFields(json, place: Self.key)
            handOver = fields.handOver("handover", warnings: &warnings)
            rules = PlacementRules(
                weight: fields.checked("weight", &warnings) { $0.weight(in: Self.weights) },
                nodeSelector: fields.checked("node_selector", &warnings) { $0.labels(atMost: Self.mostTerms) } ?? [:],
                zones: fields.checked("zone", &warnings) { $0.names(atMost: Self.mostTerms) } ?? [],
                pin: fields.checked("pin", &warnings) { $0.name } ?? "")
            isBroken = !warnings.isEmpty
            warnings += fields.unknownKeys
        } catch {
            warnings.append("\(error); it is not used")
            isBroken = true
        }
    }
}

extension ConfigFields {
    /// `placement` of a file.
    ///
    /// - Parameters:
    ///   - faults: the faults of this object's text.
    ///   - warnings: gets a reason for all that is not used.
    mutating func placement(_ faults: [RecoveredJSON.Fault], warnings: inout [String]) -> PlacementOptions {
        let json = value(PlacementOptions.key)
        if let fault = faults.first(where: \.isInPlacement) {
            return PlacementOptions(unreadable: fault.error, warnings: &warnings)
        }
        return json.map { PlacementOptions($0, warnings: &warnings) } ?? PlacementOptions()
    }

    fileprivate mutating func handOver(_ key: String, warnings: inout [String]) -> HandOverPolicy {
        do throws(AutoConfError) {
            guard let text = try string(key) else { return .sticky }
            if let policy = HandOverPolicy(rawValue: text) { return policy }
            warnings.append(
                "\(PlacementOptions.key): \(key) is none of "
                    + "\(HandOverPolicy.allCases.map(\.rawValue).joined(separator: ", ")); sticky is used")
        } catch {
            warnings.append("\(error); sticky is used")
        }
        return .sticky
    }
}

extension ConfigFields {
    /// A member that is not used, with a warning, unless it can be read.
    fileprivate mutating func checked<Value>(
        _ key: String, _ warnings: inout [String], _ read: (JSONValue) -> Result<Value, AutoConfError>
    ) -> Value? {
        guard let json = value(key) else { return nil }
        switch read(json) {
        case .success(let value): return value
        case .failure(let error):
            warnings.append("\(PlacementOptions.key): \(key) \(error); it is not used")
            return nil
        }
    }
}

extension JSONValue {
    private static func refused<Value>(_ reason: String) -> Result<Value, AutoConfError> {
        .failure(AutoConfError(reason))
    }

    fileprivate func weight(in range: ClosedRange<Double>) -> Result<Double, AutoConfError> {
        guard case .number(let text) = self, let weight = Double(text), range.contains(weight) else {
            return Self.refused("is not a number from \(range.lowerBound) to \(Int(range.upperBound))")
        }
        return .success(weight)
    }

    /// A text that is not empty.
    fileprivate var name: Result<String, AutoConfError> {
        guard let text = stringValue, text.isPlacementName else { return Self.refused("is not the name of a node") }
        return .success(text)
    }

    /// One text, or a list of texts, none of which is empty.
    fileprivate func names(atMost limit: Int) -> Result<[ExactText], AutoConfError> {
        let list = arrayValue ?? [self]
        let texts = list.compactMap(\.stringValue).filter(\.isPlacementName)
        guard texts.count == list.count, (1...limit).contains(list.count) else {
            return Self.refused("is neither a text nor a list of 1 to \(limit) texts")
        }
        return .success(texts.map { ExactText($0) })
    }

    /// Names with the texts that they must have.
    fileprivate func labels(atMost limit: Int) -> Result<[ExactText: ExactText], AutoConfError> {
        guard let members = objectValue, (1...limit).contains(members.count) else {
            return Self.refused("is not an object of 1 to \(limit) labels")
        }
        var labels: [ExactText: ExactText] = [:]
        for key in members.keys.sortedTexts() {
            guard let text = members[ExactText(key)]?.stringValue, text.utf8.count <= PlacementOptions.longest,
                key.isPlacementName
            else {
                return Self.refused("has a label \(shownName(key)) whose value is not a short string")
            }
            labels[ExactText(key)] = ExactText(text)
        }
        return .success(labels)
    }
}

extension String {
    /// Whether it can name a node, a zone, or a label.
    fileprivate var isPlacementName: Bool { !isEmpty && utf8.count <= PlacementOptions.longest }
}

extension RecoveredJSON.Fault {
    /// Whether it is in a file's `placement`, on which nothing else depends.
    var isInPlacement: Bool {
        path.first == .member(ExactText(PlacementOptions.key))
    }
}
