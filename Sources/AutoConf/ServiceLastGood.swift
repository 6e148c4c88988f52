import Platform

/// The last good templates of a Service, by what they are bound to and where they were written.
struct ServiceLastGood {
    /// Those of another Service of the same name are not its own.
    let uid: String
    var service = LastGoodTemplates()
    var endpoints = LastGoodTemplates()
    var scrape = LastGoodTemplates()

    /// None yet.
    init(uid: String) {
        self.uid = uid
    }

    /// Whether there are none.
    var isEmpty: Bool { service.isEmpty && endpoints.isEmpty && scrape.isEmpty }

    /// About what they take, in bytes.
    var bytes: Int { service.bytes + endpoints.bytes + scrape.bytes }

    /// Adds what the annotations described that are edited now.
    mutating func add(_ annotations: [ExactText: ExactText], _ rules: PrometheusScrape?) {
        service.add(ServiceAnnotations(annotations, .service).templates)
        endpoints.add(ServiceAnnotations(annotations, .endpoints).templates)
        guard let rules, rules.selects(annotations) else { return }
        scrape.add((try? rules.placedTemplates(annotations)) ?? [])
    }

    /// Forgets the oldest ones beyond a limit.
    mutating func limit(to limit: ConfigLimit, room: Int) {
        var left = min(limit.bytes, room)
        for part in [\ServiceLastGood.service, \.endpoints, \.scrape] {
            self[keyPath: part].limit(toCount: limit.configs, bytes: left)
            left -= self[keyPath: part].bytes
        }
    }
}
