import JSON
package import Platform

/// What a Prometheus scrapes for an instance of `openmetrics` or `prometheus`, as HTTP service discovery tells it: an
/// address, and labels. Labels that begin with `__` say how it is scraped
/// (https://prometheus.io/docs/prometheus/latest/configuration/configuration/#relabel_config).
package struct ScrapeTarget: Sendable, Hashable {
    /// `host:port`.
    @ExactText package private(set) var address: String
    /// The labels, by name.
    package private(set) var labels: [ExactText: ExactText]

    /// The checks that a Prometheus can run.
    package static let checkNames = ["openmetrics", "prometheus"]
    /// Names the check ID of the instance on Prometheus' page of discovered labels; it is dropped from the series.
    private static let checkIDLabel: ExactText = "__meta_cluster_agent_check_id"

    /// The target of an instance.
    ///
    /// Options that only choose, name or tag metrics are left to Prometheus' own configuration. The instance's interval
    /// and time limit are passed on if it sets either; else the Prometheus has its own. Tags `name:value` become
    /// labels; several values of one name are joined by commas, and a tag without a value has no label. `instance` is
    /// the address and what else tells the page from others there, since series of equal labels hide each other.
    ///
    /// - Parameters:
    ///   - check: the check's name.
    ///   - instance: the instance's text.
    ///   - initConfig: the text of the config's `init_config`; may be empty.
    ///   - checkID: its check ID.
    /// - Throws: `CheckOptionError`: what cannot be said by labels, such as header fields; or what no agent could run.
    package init(
        _ check: String, instance: [UInt8], initConfig: [UInt8], checkID: String
    ) throws(CheckOptionError) {
        guard Self.checkNames.contains(check) else {
            throw CheckOptionError("no Prometheus runs \(shownName(check))", .unsupported)
        }
        guard instance.firstRange(of: Self.secretMark) == nil else {
            throw CheckOptionError("it has a secret, ENC[…], which only an agent resolves", .unsupported)
        }
        let definition = try CheckDefinition(check, instance: instance, initConfig: initConfig, provider: "")
        guard case .prometheus(let work) = definition.work else { throw CheckOptionError("no exposition is checked") }
        try Self.refuseUnsayable(work)
        (_address, labels) = try Self.parts(of: work.request.url)
        let page = labels["__metrics_path__"]?.text ?? ""
        let query = labels.filter { $0.key.text.hasPrefix(Self.parameter) }.sorted { $0.key < $1.key }
            .map { "\($0.key)=\($0.value)" }
        // Of the parameters only a hash: one may be a token.
        let hash = query.isEmpty ? "" : "?" + String(FNV1a(query.joined(separator: "&")).value >> 32, radix: 16)
        labels["instance"] = ExactText(_address.wrappedValue + (page == "/metrics" ? "" : page) + hash)
        let reader = InstanceReader(try InstanceReader.members(of: instance, "the instance"), [:])
        if reader.value("min_collection_interval") != nil || work.request.timeout != nil {
            // Prometheus refuses a target whose time limit is longer than its interval: it is told both or neither.
            let interval = try reader.interval()
            guard interval >= .seconds(1) else {
                throw CheckOptionError("no Prometheus is asked to scrape more than once a second", .unsupported)
            }
            labels["__scrape_interval__"] = Self.duration(interval)
            labels["__scrape_timeout__"] = Self.duration(definition.timeout)
        }
        for (name, values) in Self.tagged(try reader.texts("tags")) where labels[name] == nil {
            labels[name] = ExactText(values.sortedTexts().joined(separator: ","))
        }
        labels[Self.checkIDLabel] = ExactText(checkID)
    }

    /// The group of targets, as JSON, whose only one it is.
    package var encoded: [UInt8] {
        JSONValue.object([
            "targets": .array([.string(address)]), "labels": .object(labels.mapValues { .string($0.text) }),
        ]).encoded()
    }

    private static let secretMark = Array("ENC[".utf8)
    /// What the labels of a URL's parameters begin with.
    private static let parameter = "__param_"

    private static func refuseUnsayable(_ check: PrometheusCheck) throws(CheckOptionError) {
        let request = check.request
        let unsayable =
            [
                ("header fields", !request.headers.isEmpty), ("credentials", request.digest != nil),
                ("TLS options", request.trust != CheckTrust() || request.serverName != nil),
                ("a proxy", request.proxies != nil), ("allow_redirects", !request.followsRedirects),
                ("connect_timeout", request.connectTimeout != nil), ("read_timeout", request.readTimeout != nil),
                ("raw_line_filters", !check.lineFilters.isEmpty),
            ].first { $0.1 }?.0
        var plain = CheckRequest(url: request.url)
        plain.timeout = request.timeout
        // Whatever a request may have some day is not said either until it is listed here.
        guard unsayable == nil, request == plain else {
            throw CheckOptionError(
                "no label of a Prometheus can say \(unsayable ?? "all of its options")", .unsupported)
        }
    }

    /// The address, and the labels that say the rest of a URL.
    private static func parts(
        of url: String
    ) throws(CheckOptionError) -> (address: ExactText, labels: [ExactText: ExactText]) {
        let isSecure = url.hasPrefix("https://")
        let rest = url.dropFirst(isSecure ? 8 : 7).prefix { $0 != "#" }
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        let target = rest.dropFirst(authority.count)
        let path = target.prefix { $0 != "?" }
        let hasPort = authority.lastIndex(of: ":").map { authority[$0...].dropFirst().allSatisfy(\.isNumber) } ?? false
        var labels: [ExactText: ExactText] = [
            "__scheme__": isSecure ? "https" : "http",
            "__metrics_path__": path.isEmpty ? "/" : ExactText(String(path)),
        ]
        try refuseUnreachable(hasPort ? authority[..<(authority.lastIndex(of: ":") ?? authority.endIndex)] : authority)
        guard !path.contains("%") else { throw CheckOptionError("no label can say an escape in a path", .unsupported) }
        for pair in target.dropFirst(path.count).dropFirst().split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = "\(parameter)\(parts[0])"
            guard parts.count == 2, isLabelName(name), labels[ExactText(name)] == nil,
                let value = try? percentDecoded(parts[1].replacing("+", with: " ").utf8), !value.isEmpty,
                !pair.contains(";")
            else {
                throw CheckOptionError(
                    "labels say only parameters with a value, each once and named by letters, digits and _",
                    .unsupported)
            }
            labels[ExactText(name)] = ExactText(value)
        }
        let port = isSecure ? ":443" : ":80"
        return (ExactText(String(authority) + (hasPort ? "" : port)), labels)
    }

    /// Refuses a host that libcurl reaches and Go does not: an address in an older notation, an escape, or a name that
    /// is not ASCII.
    private static func refuseUnreachable(_ host: Substring) throws(CheckOptionError) {
        let bare = host.hasPrefix("[") ? host.dropFirst().dropLast() : host
        let labels = host.split(separator: ".", omittingEmptySubsequences: false)
        let isNumeric = labels.last.map { !$0.isEmpty && ($0.allSatisfy(\.isNumber) || $0.hasPrefix("0x")) } ?? false
        let isAddress =
            labels.count == 4 && labels.allSatisfy { UInt8($0).map(String.init) == String($0) }
        let isIPv6 = bare.contains(":")
        guard bare.allSatisfy(\.isASCII), !bare.contains("%"), !isNumeric || isAddress,
            isIPv6 == host.hasPrefix("[")
        else { throw CheckOptionError("its host is not written so that a Prometheus reaches it", .unsupported) }
    }

    /// The values of each label that tags make, without those that are settings to Prometheus.
    private static func tagged(_ tags: [String]) -> [ExactText: Set<ExactText>] {
        var labels: [ExactText: Set<ExactText>] = [:]
        for tag in tags {
            guard let colon = tag.utf8.firstIndex(of: UInt8(ascii: ":")) else { continue }
            let value = tag[tag.utf8.index(after: colon)...]
            let own = labelName(tag[..<colon])
            // Prometheus' own, renamed as it renames those of a page.
            let name = own == "job" || own == "instance" ? "exported_\(own)" : own
            guard !value.isEmpty, isLabelName(name), !name.hasPrefix("__") else { continue }
            labels[ExactText(name), default: []].insert(ExactText(String(value)))
        }
        return labels
    }

    /// A name in which every byte that a label's name may not have is an underscore, as Prometheus names its labels.
    private static func labelName(_ text: Substring) -> String {
        String(decoding: text.utf8.map { isNameByte($0) ? $0 : UInt8(ascii: "_") }, as: UTF8.self)
    }

    private static func isLabelName(_ name: String) -> Bool {
        guard let first = name.utf8.first else { return false }
        return name.utf8.allSatisfy(isNameByte) && !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "_") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    /// A duration as Prometheus writes one, in milliseconds unless it is whole seconds.
    private static func duration(_ duration: Duration) -> ExactText {
        let milliseconds = max(1, duration.nanoseconds / 1_000_000)
        return milliseconds % 1_000 == 0
            ? ExactText("\(milliseconds / 1_000)s") : ExactText("\(milliseconds)ms")
    }
}
