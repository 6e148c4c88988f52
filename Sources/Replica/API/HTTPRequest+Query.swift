import HTTPServer
import JSON

extension HTTPRequest {
    /// The parameters of the query, decoded; none may be given twice, and each has a value.
    ///
    /// - Throws: `invalidQuery`.
    func queryParameters() throws(APIError) -> [Substring: String] {
        var parameters: [Substring: String] = [:]
        for field in (query ?? "").split(separator: "&") {
            let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, parameters[parts[0]] == nil else {
                throw .invalidQuery(reason: "a parameter without a value, or given twice")
            }
            do throws(PercentEncodingError) { parameters[parts[0]] = try percentDecoded(parts[1].utf8) } catch {
                throw .invalidQuery(reason: "\(parts[0]) is not percent-encoded UTF-8")
            }
        }
        return parameters
    }
}
