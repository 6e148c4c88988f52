import AutoConf
import JSON
import Kubernetes
import Platform

/// What of the documents of manifests checks come from.
struct CheckedObjects {
    /// Documentation's own address (RFC 5737), for what only the API server assigns.
    private static let standIn = "192.0.2.1"
    private static let annotationPrefixes = ["ad.datadoghq.com/", "service-discovery.datadoghq.com/"]

    private enum Source {
        case service, endpoints, clusterCheck
    }

    private let scrape: PrometheusScrape?
    private(set) var services: [Service] = []
    private(set) var endpoints: [ServiceEndpoints] = []
    private(set) var clusterChecks: [ClusterCheck] = []
    /// Documents that are no objects, and may be check configs.
    private(set) var configs: [CheckedText.Document] = []
    /// Why others cannot be used, each with its place.
    private(set) var refused: [String] = []
    private(set) var notes: [String] = []
    private var serviceNames: Set<ExactText> = []
    private var read: [ExactText: Int] = [:]
    private var skipped: [ExactText: (count: Int, reason: String)] = [:]

    init(_ scrape: PrometheusScrape?) {
        self.scrape = scrape
    }

    mutating func add(_ text: CheckedText) {
        refused += text.refused
        for document in text.documents { add(document) }
    }

    private mutating func add(_ document: CheckedText.Document) {
        let value = document.value
        if value.objectValue == nil {
            refused.append("\(document.place): \(value.kind), neither a manifest nor the config of a check")
        } else if value.isManifest, let kind = value["kind"]?.stringValue {
            addObject(value, kind: kind, version: nil, document.place, path: "")
        } else if value["metadata"] != nil {
            refused.append("\(document.place): a manifest without a kind")
        } else {
            configs.append(document)
        }
    }

    /// - Parameters:
    ///   - version: the apiVersion of the list that it is in.
    ///   - path: where in the document it is.
    private mutating func addObject(
        _ object: JSONValue, kind: String, version: String?, _ place: String, path: String
    ) {
        let version = object["apiVersion"]?.stringValue ?? version
        guard !kind.hasSuffix("List") || object["items"] == nil && kind != "List" else {
            return addItems(of: object, kind: kind, version: version, place, path: path)
        }
        do throws(JSONError) {
            switch Self.source(kind, version ?? "") {
            case .service: try addService(object)
            case .endpoints: endpoints.append(try ServiceEndpoints(manifest: object))
            case .clusterCheck: clusterChecks.append(try ClusterCheck(manifest: object))
            case nil: return skip(kind, version, "not a source")
            }
            read[ExactText(kind), default: 0] += 1
        } catch {
            let reason = error.path.map { "\($0) \(error.reason)" } ?? error.reason
            refused.append("\(place): \(path.isEmpty ? "" : "\(path).")\(reason)")
        }
    }

    private mutating func addItems(
        of list: JSONValue, kind: String, version: String?, _ place: String, path: String
    ) {
        let items = "\(path.isEmpty ? "" : "\(path).")items"
        guard let all = list["items"]?.arrayValue else {
            let found = list["items"].map { "is \($0.kind), not a list" } ?? "is missing"
            return refused.append("\(place): \(items) \(found)")
        }
        for (index, item) in all.enumerated() {
            let path = "\(items)[\(index)]"
            // The items of a `ServiceList` need not say that they are Services; those of a `List` must.
            let listed = kind == "List" ? nil : String(kind.dropLast("List".count))
            guard item.objectValue != nil else {
                refused.append("\(place): \(path) is \(item.kind), not an object")
                continue
            }
            guard let kind = item["kind"]?.stringValue ?? listed else {
                refused.append("\(place): \(path).kind is missing")
                continue
            }
            addObject(item, kind: kind, version: version, place, path: path)
        }
    }

    private static func source(_ kind: String, _ version: String) -> Source? {
        let isCore = version.isEmpty || version == "v1"
        return switch kind {
        case "Service" where isCore: .service
        case "Endpoints" where isCore: .endpoints
        case "EndpointSlice" where isCore || version.hasPrefix("discovery.k8s.io/"): .endpoints
        case ClusterCheck.kind where version.isEmpty || version.hasSameBytes(as: ClusterCheck.apiVersion): .clusterCheck
        default: nil
        }
    }

    private mutating func addService(_ object: JSONValue) throws(JSONError) {
        var service = try Service(manifest: object, keptAnnotations: scrape?.annotationPrefixes ?? [])
        let isStored = !service.uid.isEmpty || !service.resourceVersion.isEmpty
        if !isStored, service.clusterIP.isEmpty, object["spec"]?["type"]?.stringValue != "ExternalName" {
            service.clusterIP = Self.standIn
            if isAnnotated(service) {
                notes.append(
                    "Service \(Self.name(service)): \(Self.standIn) stands for the cluster IP that it will get")
            }
        }
        if !serviceNames.insert(ExactText(Self.name(service))).inserted {
            notes.append("Service \(Self.name(service)): more than once in the input; the last one counts")
        }
        services.append(service)
    }

    private mutating func skip(_ kind: String, _ version: String?, _ reason: String) {
        let isNamesake = version != nil && Self.source(kind, "") != nil
        let name = shownName(kind) + (isNamesake ? " of \(shownName(version ?? ""))" : "")
        skipped[ExactText(name), default: (0, reason)].count += 1
    }
}

extension CheckedObjects {
    /// Services without what their own annotations say: files may name them.
    var bareServices: [Service] {
        services.map { service in
            var bare = service
            bare.metadata.annotations = [:]
            return bare
        }
    }

    /// The Services with annotations of autodiscovery, as `namespace/name`, sorted, but for those whose endpoints may
    /// be missing in the input.
    var annotatedServices: [String] {
        let others = services.filter { isAnnotated($0) && !Self.isAnnotated($0, "endpoints.") }
        return Set(texts: others.map(Self.name)).sortedTexts()
    }

    /// The Services whose annotations are about endpoints, as `namespace/name`, sorted.
    var servicesWithEndpointsChecks: [String] {
        Set(texts: services.filter { $0.hasEndpointsChecks(scrape) }.map(Self.name)).sortedTexts()
    }

    /// `2 Services, 1 of them annotated`, for each kind.
    var readTexts: [String] {
        read.sorted { $0.key < $1.key }.map { kind, count in
            let annotated = services.count { isAnnotated($0) }
            let text = Self.counted(count, kind.text)
            return kind == "Service" ? "\(text) (\(annotated) annotated)" : text
        }
    }

    /// `1 Pod: not a source`, for each kind.
    var skippedTexts: [String] {
        skipped.sorted { $0.key < $1.key }.map { kind, skipped in
            "\(Self.counted(skipped.count, kind.text)): \(skipped.reason)"
        }
    }

    private static func name(_ service: Service) -> String {
        "\(service.namespace)/\(service.name)"
    }

    private func isAnnotated(_ service: Service) -> Bool {
        Self.isAnnotated(service, "") || scrape?.selects(service.annotations) == true
    }

    private static func isAnnotated(_ service: Service, _ subject: String) -> Bool {
        service.annotations.keys.contains { key in annotationPrefixes.contains { key.hasPrefix($0 + subject) } }
    }

    private static func counted(_ count: Int, _ kind: String) -> String {
        guard count != 1, !kind.contains(" ") else { return "\(count) \(kind)" }
        if kind == "Endpoints" { return "\(count) \(kind)" }
        if let stem = kind.withoutLast("y"), !stem.hasSuffix("a") { return "\(count) \(stem)ies" }
        return "\(count) \(kind)\(kind.hasSuffix("s") ? "es" : "s")"
    }
}

extension String {
    fileprivate func withoutLast(_ letter: String) -> String? {
        hasSuffix(letter) ? String(dropLast()) : nil
    }
}
