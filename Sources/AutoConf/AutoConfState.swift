import CheckModel
import Kubernetes
import Platform

/// What AutoConf knows, as a value: events go in, changes come out.
struct AutoConfState {
    /// Where configs come from.
    enum Source: String, CaseIterable {
        case clusterChecks = "cluster_checks"
        case endpoints, file, services
        case discovery = "prometheus_http_sd"

        /// Where its reading is; nil where it has several.
        fileprivate var reading: WritableKeyPath<SourceReadings, Instant>? {
            switch self {
            case .clusterChecks: \.clusterChecks
            case .endpoints: \.endpoints
            case .file: \.files
            case .services: \.services
            case .discovery: nil
            }
        }
    }

    /// What an event changes.
    struct Change {
        /// Changed configs and problems.
        var objects = SourceObjects.Change()
        /// The source that has now been read completely for the first time.
        var firstRead: Source?
        /// Whether every source has now been read.
        var isSynced = false
        /// When the sources were read, if that is to be told.
        var readings: SourceReadings?

        /// Whether there is nothing to publish.
        var isEmpty: Bool {
            objects.isEmpty && firstRead == nil && readings == nil
        }
    }

    /// The sources that are read.
    let enabled: [Source]
    private let environment: Environment
    private let limit: ConfigLimit
    /// Whether a broken edit keeps what ran.
    private let keepsLastGood: Bool
    private let scrape: PrometheusScrape?
    private var unread: Set<Source>
    /// When the sources were read, as it was told.
    private(set) var readings = SourceReadings()
    /// When the newest complete reading of each source began.
    private var newest = SourceReadings()
    /// Readings that began earlier are told no more.
    private var wanted = Instant.distantPast
    /// The annotated Services; all Services if there are files, which may name any.
    private var services: [NamespacedName: KnownService] = [:]
    /// What the Services had before whose annotations cannot be used now.
    private var lastGood: [NamespacedName: ServiceLastGood] = [:]
    /// The Services of the list that is being read, so far.
    private var listed: Set<NamespacedName> = []
    private var endpoints = EndpointIndex()
    private var files = FileTemplates()
    private var fileObjects = SourceObjects()
    private var serviceObjects = SourceObjects()
    private var clusterChecks = ClusterChecks()
    /// Since when ClusterChecks are forbidden.
    private var forbiddenSince: Instant?
    /// How long they are waited for.
    private static let forbiddenPatience = Duration.seconds(30)
    /// How long it takes until it is concluded that there are none.
    private static let forbiddenReading = Duration.seconds(600)
    private var discovered = SourceObjects()
    /// The URLs that have not answered yet.
    private var undiscovered: Set<ExactText>
    private let discoveryLimit: ConfigLimit
    /// When the current problems came.
    private var times: [ConfigProblem: WallTime] = [:]
    /// The Services that had no room for all of their configs. They are read again with the next list, or when they
    /// change.
    private var crowdedOut: Set<NamespacedName> = []

    init(_ options: AutoConfOptions, environment: Environment) {
        enabled = Source.allCases.filter { source in
            switch source {
            case .clusterChecks: options.watchesClusterChecks
            case .file: !(options.confdPath ?? "").isEmpty
            case .services: options.watchesServices
            case .endpoints: options.watchesServices && options.watchesEndpoints
            case .discovery: !options.discoveries.isEmpty
            }
        }
        unread = Set(enabled)
        for source in Source.allCases where !unread.contains(source) {
            if let reading = source.reading { readings[keyPath: reading] = .distantFuture }
        }
        undiscovered = Set(texts: options.discoveries.map(\.object))
        for object in undiscovered { readings.discovered[object] = .distantPast }
        discoveryLimit = ConfigLimit.ofDiscovery(options)
        newest = readings
        self.environment = environment
        limit = ConfigLimit(options)
        keepsLastGood = options.keepsLastGood
        scrape = options.prometheusScrape
    }

    /// Forgets what was listed so far: a new list begins.
    mutating func beginList() {
        listed = []
    }

    /// Applies Services of a list that goes on.
    mutating func apply(listed part: ArraySlice<Service>) -> Change {
        var change = Change()
        for service in part {
            listed.insert(service.objectName)
            handle(service, &change)
        }
        return change
    }

    /// Applies a Service that is new or changed.
    mutating func apply(_ service: Service) -> Change {
        var change = Change()
        handle(service, &change)
        return change
    }

    /// Applies the last Services of a list. Those that are not in the list are gone.
    mutating func finishList(with part: ArraySlice<Service>, begun: Instant) -> Change {
        var change = Change()
        let present = listed.union(part.map(\.objectName))
        listed = []
        for name in services.keys where !present.contains(name) { services[name] = nil }
        for name in lastGood.keys where !present.contains(name) { lastGood[name] = nil }
        services.shrinkIfSparse()
        crowdedOut.formIntersection(present)
        let entities = Set(texts: present.map(\.serviceEntity))
        change.objects = serviceObjects.remove { !entities.contains($0) }
        for service in part { handle(service, &change) }
        // From now on, a Service that a file names and that does not exist is reported.
        finish(.services, begun, &change)
        for file in files.all { update(file, &change) }
        return change
    }

    /// Removes a deleted Service.
    mutating func remove(_ service: Service) -> Change {
        var change = Change()
        services[service.objectName] = nil
        services.shrinkIfSparse()
        lastGood[service.objectName] = nil
        crowdedOut.remove(service.objectName)
        change.objects = serviceObjects.remove(service.objectName.serviceEntity)
        for file in files.naming(service.objectName) { update(file, &change) }
        return change
    }

    /// Applies an event of the Services' endpoints. It is ignored if they are not a source.
    mutating func handle(_ event: ReflectorEvent<ServiceEndpoints>) -> Change {
        var change = Change()
        guard enabled.contains(.endpoints) else { return change }
        switch event {
        case .replaced(let all, let begun):
            endpoints.replace(with: all)
            for service in services.values.compactMap(\.service).sorted(by: { $0.objectName < $1.objectName })
            where hasEndpointsChecks(service) {
                apply(service, &change)
            }
            for file in files.all { update(file, &change) }
            finish(.endpoints, begun, &change)
        case .applied(let slice): updateEndpoints(of: endpoints.apply(slice), &change)
        case .deleted(let slice): updateEndpoints(of: endpoints.remove(slice), &change)
        }
        return change
    }

    /// Forgets which ClusterChecks were listed so far: a new list begins.
    mutating func beginClusterCheckList() {
        clusterChecks.beginList()
    }

    /// Applies ClusterChecks of a list that goes on.
    mutating func apply(listed part: ArraySlice<ClusterCheck>) -> Change {
        var change = Change()
        forbiddenSince = nil
        clusterChecks.note(listed: part)
        for check in part { change.objects += apply(check).objects }
        return change
    }

    /// Applies the last ClusterChecks of a list. Those that are not in the list are gone.
    mutating func finishList(with part: ArraySlice<ClusterCheck>, begun: Instant) -> Change {
        var change = Change()
        clusterChecks.note(listed: part)
        forbiddenSince = nil
        change.objects = clusterChecks.finishList()
        for check in part { change.objects += apply(check).objects }
        finish(.clusterChecks, begun, &change)
        return change
    }

    /// Applies a ClusterCheck that is new or changed.
    mutating func apply(_ check: ClusterCheck) -> Change {
        Change(
            objects: clusterChecks.apply(
                check, environment: environment, limit: limit,
                room: room(for: check.source, of: \.clusterChecks.objects), keepsLast: keepsLastGood))
    }

    /// Removes a deleted ClusterCheck.
    mutating func remove(_ check: ClusterCheck) -> Change {
        Change(objects: clusterChecks.remove(check.source))
    }

    /// ClusterChecks could not be read by a list that began at `begun`, for lack of permission. Those that are known
    /// stay. After a while others are not waited for; only much later does that count as a reading, which tells a new
    /// leader that there are no others: an API server that has just started forbids everything for a moment.
    mutating func clusterChecksForbidden(begun: Instant) -> Change {
        var change = Change()
        guard enabled.contains(.clusterChecks) else { return change }
        let since = forbiddenSince ?? begun
        forbiddenSince = since
        if begun - since >= Self.forbiddenReading {
            finish(.clusterChecks, begun, &change)
        } else if begun - since >= Self.forbiddenPatience {
            _ = markRead(.clusterChecks, &change)
        }
        return change
    }

    /// Applies what a part of a pass over the directory found; `begun` is when the pass began.
    mutating func apply(_ part: ConfigDirectory.Part, begun: Instant) -> Change {
        var change = Change()
        files.remove(where: part.isGone)
        change.objects = fileObjects.remove(where: part.isGone)
        for (object, reading) in part.readings.sorted(by: { $0.key < $1.key }) {
            files.apply(reading, of: object.text)
            change.objects += fileObjects.apply(self.reading(of: reading, object.text), to: object.text)
        }
        if part.present != nil, part.isComplete { finish(.file, begun, &change) }
        return change
    }

    /// Readings that begin at `since` or later are to be told, one of each source.
    mutating func publishReadings(since: Instant) -> Change {
        var change = Change()
        wanted = max(wanted, since)
        let reading = enabled.compactMap(\.reading) + readings.discovered.keys.sorted().map(Self.reading)
        for reading in reading where isWanted(reading) { publish(reading, &change) }
        return change
    }

    private var allObjects: [SourceObjects] { [clusterChecks.objects, fileObjects, serviceObjects, discovered] }

    /// The current problems, sorted by source and object.
    var problems: [ConfigProblem] { allObjects.flatMap(\.problems) }

    /// Notes since when there are the problems that a change brings.
    mutating func noteTimes(of change: Change, at time: WallTime) {
        for problem in change.objects.gone + change.objects.problems.flatMap(\.solved) { times[problem] = nil }
        for problem in change.objects.problems.flatMap(\.appeared) { times[problem] = time }
        times.shrinkIfSparse()
    }

    /// The current problems for people, sorted by source and object.
    var reported: [ReportedProblem] {
        allObjects.flatMap { objects in
            objects.problems.map { problem in
                ReportedProblem(
                    problem: problem, since: times[problem], keepsLast: objects.keepsLast(problem.object))
            }
        }
    }

    /// The problems of objects in Kubernetes, sorted by kind and object; whether the last good configs stay.
    var objectProblems: [(object: ObjectReference, problems: [ConfigProblem], keepsLast: Bool)] {
        clusterChecks.objects.referencedProblems + serviceObjects.referencedProblems
    }

    /// What became of a ClusterCheck; nil if it is not known.
    func acceptance(ofClusterCheck object: String) -> ClusterCheckAcceptance? {
        clusterChecks.acceptance(of: object)
    }

    /// The Service or the ClusterCheck from which configs of a source come; nil if there is none.
    func object(ofSource source: String) -> ObjectReference? {
        guard let name = NamespacedName(ofSource: source) else { return nil }
        let isClusterCheck = source.utf8.starts(with: ConfigKey.clusterCheckPrefix.utf8)
        return isClusterCheck ? clusterChecks.reference(name, source: source) : services[name]?.reference(name)
    }

    /// How many configs come from a source.
    func configCount(of source: Source) -> Int {
        switch source {
        case .clusterChecks: clusterChecks.objects.configCount { _ in true }
        case .file: fileObjects.configCount { _ in true }
        case .services: serviceObjects.configCount { !$0.isOfEndpoint }
        case .endpoints: serviceObjects.configCount(where: \.isOfEndpoint)
        case .discovery: discovered.configCount { _ in true }
        }
    }

    /// How many problems a source has. Annotations about endpoints are counted with the Services.
    func problemCount(of source: Source) -> Int {
        switch source {
        case .clusterChecks: clusterChecks.objects.problems.count
        case .file: fileObjects.problems.count
        case .services: serviceObjects.problems.count
        case .endpoints: 0
        case .discovery: discovered.problems.count
        }
    }

    /// Whether a source has been read completely.
    func isRead(_ source: Source) -> Bool {
        !unread.contains(source)
    }
}

// The effects of a change on other objects.
extension AutoConfState {
    private func isAnnotated(_ service: Service) -> Bool {
        ServiceAnnotations.isAnnotated(service.annotations) || scrape?.selects(service.annotations) == true
    }

    private func hasEndpointsChecks(_ service: Service) -> Bool {
        service.hasEndpointsChecks(scrape)
    }

    private func isKept(_ service: Service) -> Bool {
        enabled.contains(.file) || isAnnotated(service)
    }

    /// What to keep of a Service. Of most, only what tells whether it changed is needed again.
    private func known(_ service: Service) -> KnownService {
        KnownService(
            service, keeps: hasEndpointsChecks(service) ? .everything : enabled.contains(.file) ? .target : .nothing,
            isRemembered: keepsLastGood && isAnnotated(service))
    }

    /// A source has been read completely.
    private mutating func finish(_ source: Source, _ begun: Instant, _ change: inout Change) {
        guard let reading = source.reading else { return }
        newest[keyPath: reading] = begun
        let isFirst = markRead(source, &change)
        if isFirst || isWanted(reading) { publish(reading, &change) }
    }

    /// - Returns: whether it had not been read before.
    private mutating func markRead(_ source: Source, _ change: inout Change) -> Bool {
        guard unread.remove(source) != nil else { return false }
        change.firstRead = source
        change.isSynced = unread.isEmpty
        return true
    }

    private func isWanted(_ reading: WritableKeyPath<SourceReadings, Instant>) -> Bool {
        readings[keyPath: reading] < wanted && newest[keyPath: reading] >= wanted
    }

    private mutating func publish(_ reading: WritableKeyPath<SourceReadings, Instant>, _ change: inout Change) {
        readings[keyPath: reading] = newest[keyPath: reading]
        change.readings = readings
    }

    private mutating func handle(_ service: Service, _ change: inout Change) {
        let name = service.objectName
        var new = isKept(service) ? known(service) : nil
        let former = services[name]
        let isUnchanged = former?.fingerprint == new?.fingerprint
        let isAnother = former?.isAnother(than: service) ?? false
        if isUnchanged, former?.rememberedBytes == 0 { new?.forgetAnnotations() }
        if !isUnchanged, keepsLastGood { remember(isAnother ? nil : former, editedTo: service) }
        services[name] = new
        services.shrinkIfSparse()
        // Most changes of Services in a cluster affect no check.
        if !isUnchanged || crowdedOut.contains(name) {
            update(service, isAnother: isAnother, &change)
        }
    }

    /// Keeps what a Service had, for what it has now instead and cannot be used.
    private mutating func remember(_ former: KnownService?, editedTo service: Service) {
        let name = service.objectName
        var good = lastGood[name] ?? ServiceLastGood(uid: service.uid)
        if !good.uid.hasSameBytes(as: service.uid) { good = ServiceLastGood(uid: service.uid) }
        if let annotations = former?.annotations, annotations != service.annotations { good.add(annotations, scrape) }
        lastGood[name] = good.isEmpty ? nil : good
    }

    /// Updates the configs of a Service that changed, and those of the files that name it.
    ///
    /// - Parameter isAnother: whether the name was another Service's before.
    private mutating func update(_ service: Service, isAnother: Bool, _ change: inout Change) {
        if isAnnotated(service) || serviceObjects.contains(service.objectName.serviceEntity) {
            apply(service, isAnother: isAnother, &change)
        }
        for file in files.naming(service.objectName) { update(file, &change) }
    }

    /// Updates the configs that depend on the endpoints of these Services.
    private mutating func updateEndpoints(of names: [NamespacedName], _ change: inout Change) {
        for service in names.compactMap({ services[$0]?.service })
        where hasEndpointsChecks(service) {
            apply(service, &change)
        }
        for file in Set(texts: names.flatMap(files.naming)).sortedTexts() { update(file, &change) }
    }

    private mutating func apply(_ service: Service, isAnother: Bool = false, _ change: inout Change) {
        let name = service.objectName
        let bound = bound(service, keepsLast: keepsLastGood && !isAnother)
        if bound.isCrowdedOut { crowdedOut.insert(name) } else { crowdedOut.remove(name) }
        let written = (services[name]?.rememberedBytes ?? 0) + (lastGood[name]?.bytes ?? 0)
        change.objects += serviceObjects.apply(
            bound.reading(of: name.serviceEntity), to: name.serviceEntity, service.reference, written: written)
    }

    private mutating func update(_ file: String, _ change: inout Change) {
        change.objects += fileObjects.apply(boundReading(of: file), to: file)
    }

    private mutating func bound(_ service: Service, keepsLast: Bool) -> BoundConfigs {
        let name = service.objectName
        let room = room(for: name.serviceEntity, of: \.serviceObjects)
        var good = lastGood[name] ?? ServiceLastGood(uid: service.uid)
        var bound = BoundConfigs(limit: limit, room: room, keepsLast: keepsLast)
        let endpoints = enabled.contains(.endpoints) ? endpoints : nil
        service.bind(into: &bound, lastGood: &good, endpoints: endpoints, environment: environment)
        if let scrape {
            service.bind(
                scrape, into: &bound, lastGood: &good.scrape, endpoints: endpoints, environment: environment)
        }
        // What is only remembered has no more than what its configs leave.
        var left = room.bytes - bound.bytes
        if services[name]?.rememberedBytes ?? 0 > left { services[name]?.forgetAnnotations() }
        left -= services[name]?.rememberedBytes ?? 0
        good.limit(to: limit, room: left)
        lastGood[name] = good.isEmpty ? nil : good
        lastGood.shrinkIfSparse()
        return bound
    }

    private mutating func reading(of reading: FileReading, _ object: String) -> ConfigReading {
        switch reading {
        case .unchanged: .unchanged
        case .configs(let configs, let problems, let isPartial): plainReading(of: object, configs, problems, isPartial)
        case .template: boundReading(of: object)
        case .keepsLast(let problem): .keepsLast(problem)
        }
    }

    /// The configs of a file for the objects that it names.
    private mutating func boundReading(of object: String) -> ConfigReading {
        guard let (file, problems) = files[object] else { return .unchanged }
        var bound = BoundConfigs(limit: limit, room: room(for: object, of: \.fileObjects), keepsLast: true)
        for problem in problems { bound.report(problem) }
        let all = file.bindings.flatMap { places(for: $0, of: file, &bound) }
        var lastGood = files.lastGood(of: object)
        [file.template].bind(to: all, lastGood: &lastGood, into: &bound)
        files.keep(lastGood, of: object)
        return bound.reading(of: object)
    }

    /// The configs of a file for no object.
    private func plainReading(
        of object: String, _ configs: [CheckConfig], _ problems: [ConfigProblem], _ isPartial: Bool
    ) -> ConfigReading {
        BoundConfigs(
            configs.map(WeighedConfig.init), problems: problems, isPartial: isPartial, limit: limit,
            room: room(for: object, of: \.fileObjects), keepsLast: true
        ).reading(of: object)
    }

    /// The room for the configs of an object, if it gives back what it has now.
    private func room(for object: String, of source: KeyPath<AutoConfState, SourceObjects>) -> ConfigRoom {
        let own = self[keyPath: source].bytes(of: object)
        let all = ConfigRoom(
            bytes: limit.totalBytes - allObjects.reduce(0) { $0 + $1.bytes } + own,
            limit: "all configs together may have \(limit.totalBytes) bytes")
        if let name = NamespacedName(ofSource: object) {
            let taken = allObjects.reduce(0) { $0 + $1.bytes(ofNamespace: name.namespace) } - own
            let reason = "those of its namespace together may have \(limit.shareBytes) bytes"
            return .least(all, ConfigRoom(bytes: limit.shareBytes - taken, limit: reason))
        }
        guard source == \.fileObjects else { return all }
        let reason = "those of all files together may have \(limit.shareBytes) bytes"
        return .least(all, ConfigRoom(bytes: limit.shareBytes - fileObjects.bytes + own, limit: reason))
    }

    /// Where the template of a file is bound, by one of the objects that it names.
    private func places(
        for binding: FileTemplate.Binding, of file: FileTemplate, _ bound: inout BoundConfigs
    ) -> [[CheckTemplate].Place] {
        let name = binding.service
        func origin(_ provider: String, _ place: String) -> TemplateOrigin {
            TemplateOrigin(
                object: file.object, place: place, provider: provider, source: file.object,
                keyPrefix: "\(file.object):")
        }
        switch binding.part {
        case .service:
            let place = "kube_service \(name): "
            guard enabled.contains(.services) else {
                bound.report(ConfigProblem(file.object, "\(place)Services are not watched"))
                return []
            }
            guard let service = services[name]?.service else {
                if isRead(.services) {
                    bound.report(ConfigProblem(file.object, "\(place)there is no such Service", .warning))
                }
                return []
            }
            return [(CheckTarget(service, environment: environment), origin("kubernetes-services-file", place))]
        case .endpoints(let resolution):
            let place = "kube_endpoints \(name): "
            guard enabled.contains(.endpoints) else {
                bound.report(ConfigProblem(file.object, "\(place)endpoints are not watched"))
                return []
            }
            let tags = services[name]?.service?.standardTags ?? []
            return endpoints.addresses(of: name).map { address in
                let target = CheckTarget(
                    address, of: name, standardTags: tags, resolution, environment: environment)
                return (target, origin("kubernetes-endpoints-file", place))
            }
        }
    }
}

// HTTP service discovery.
extension AutoConfState {
    /// What came of asking a URL.
    enum Discovery {
        /// The targets are those of the last time.
        case unchanged
        /// The configs of its targets, up to the limit, and its problems.
        case configs([WeighedConfig], problems: [ConfigProblem])
        case failed(reason: String)
    }

    /// Applies what came of asking a URL at `begun`. If that failed, what it listed before stays: a failure is a
    /// reading of that, but none while it has never answered.
    ///
    /// - Parameter isCrowdedOut: becomes true if there was no room for all of its configs.
    mutating func apply(
        _ discovery: Discovery, of object: String, begun: Instant, isCrowdedOut: inout Bool
    ) -> Change {
        var change = Change()
        switch discovery {
        case .unchanged: break
        case .failed(let reason):
            change.objects = discovered.apply(.keepsLast(ConfigProblem(object, reason)), to: object)
            guard !undiscovered.contains(ExactText(object)) else { return change }
        case .configs(let configs, let problems):
            let room = room(for: object, of: \.discovered)
            let bound = BoundConfigs(
                configs, problems: problems, limit: discoveryLimit, room: room, keepsLast: false)
            isCrowdedOut = bound.isCrowdedOut
            change.objects = discovered.apply(bound.reading(of: object), to: object)
        }
        let reading = Self.reading(ExactText(object))
        newest[keyPath: reading] = begun
        let isFirst = undiscovered.remove(ExactText(object)) != nil
        if undiscovered.isEmpty { _ = markRead(.discovery, &change) }
        if isFirst || isWanted(reading) { publish(reading, &change) }
        return change
    }

    /// The other sources wait no longer for URLs that have never answered. What another replica dispatched of these
    /// stays all the same until they do, for nothing is known of them.
    mutating func endDiscoveryPatience() -> Change {
        var change = Change()
        // That they have not been read is told too: nobody may take their absence for a reading.
        if enabled.contains(.discovery), markRead(.discovery, &change) { change.readings = readings }
        return change
    }

    private static func reading(_ object: ExactText) -> WritableKeyPath<SourceReadings, Instant> {
        \.[discovered: object]
    }
}

extension SourceReadings {
    fileprivate subscript(discovered object: ExactText) -> Instant {
        get { discovered[object] ?? .distantPast }
        set { discovered[object] = newValue }
    }
}

extension ConfigKey {
    /// Whether the config checks an endpoint of an annotated Service.
    fileprivate var isOfEndpoint: Bool {
        source.hasPrefix("kube_endpoint_uid://")
    }
}
