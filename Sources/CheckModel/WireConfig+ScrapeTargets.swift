package import CheckOptions
import Platform

extension WireConfig {
    /// The groups of targets of its instances, as JSON, with commas between them.
    ///
    /// - Parameter checkIDs: the check ID of each instance.
    /// - Throws: `CheckOptionError`: why no Prometheus can run it.
    package func scrapeTargets(_ checkIDs: [String]) throws(CheckOptionError) -> [UInt8] {
        guard nodeName.isEmpty else { throw CheckOptionError("an endpoints check stays on its node", .unsupported) }
        guard !instances.isEmpty else { throw CheckOptionError("it has no instances", .unsupported) }
        var groups: [UInt8] = []
        for (instance, checkID) in zip(instances, checkIDs) {
            let target = try ScrapeTarget(
                checkName, instance: instance, initConfig: initConfig ?? [], checkID: checkID)
            if !groups.isEmpty { groups.append(UInt8(ascii: ",")) }
            groups += target.encoded
        }
        return groups
    }
}
