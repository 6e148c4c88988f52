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

    /// Nothing is said.
    init() {}

    /// Reads the text of the annotation.
    ///
    /// - Parameter warnings: gets a reason for all that is not used.
    init(annotation text: String, warnings: inout [String]) {
        do throws(JSONError) {
            self.init(try JSONValue(parsing: text), warnings: &warnings)
        } catch {
            self.init(unreadable: error, warnings: &warnings)
        }
    }

    /// What there is if the text has a fault: nothing can be relied on then.
    init(unreadable error: JSONError, warnings: inout [String]) {
        warnings.append("\(Self.key): \(error); it is not used")
    }

    /// Reads the object.
    ///
    /// - Parameter warnings: gets a reason for all that is not used.
    init(_ json: JSONValue, warnings: inout [String]) {
        do throws(AutoConfError) {
            var fields = try ConfigFields(json, place: Self.key)
            handOver = fields.handOver("handover", warnings: &warnings)
            warnings += fields.unknownKeys
        } catch {
            warnings.append("\(error); it is not used")
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

extension RecoveredJSON.Fault {
    /// Whether it is in a file's `placement`, on which nothing else depends.
    var isInPlacement: Bool {
        path.first == .member(ExactText(PlacementOptions.key))
    }
}
