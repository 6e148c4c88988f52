import CheckModel
import Platform

/// A config file with `advanced_ad_identifiers`: a template for the objects that it names, annotated or not.
struct FileTemplate: Hashable {
    /// One object that it names.
    struct Binding: Hashable {
        /// What to check of the Service.
        enum Part: Hashable {
            case service
            case endpoints(EndpointResolution)
        }

        let part: Part
        let service: NamespacedName
    }

    /// The file's name in keys and problems.
    @ExactText private(set) var object: String
    let template: CheckTemplate
    /// The objects, in the order of the file.
    let bindings: [Binding]
    /// The problems of the file itself.
    let problems: [ConfigProblem]
}

extension ConfigFields {
    /// `advanced_ad_identifiers`: the objects that it names, and warnings. An object may be named only once.
    mutating func bindings(
        _ key: String
    ) throws(AutoConfError) -> (bindings: [FileTemplate.Binding], warnings: [String]) {
        var bindings: [FileTemplate.Binding] = []
        var warnings: [String] = []
        for (index, element) in (try list(key) ?? []).enumerated() {
            let place = "\(key)[\(index)]"
            var fields = try ConfigFields(element, place: place)
            let before = bindings.count
            if let service = try fields.object("kube_service") {
                var names = try ConfigFields(service, place: "\(place).kube_service")
                bindings.append(FileTemplate.Binding(part: .service, service: try names.objectName()))
                warnings += names.unknownKeys
            }
            if let endpoints = try fields.object("kube_endpoints") {
                var names = try ConfigFields(endpoints, place: "\(place).kube_endpoints")
                let text = try names.string("resolve")
                let (resolution, isKnown) = EndpointResolution.parse(text)
                if !isKnown {
                    warnings.append(
                        "\(place).kube_endpoints: resolve is neither auto nor ip; auto is used")
                }
                bindings.append(
                    FileTemplate.Binding(part: .endpoints(resolution), service: try names.objectName()))
                warnings += names.unknownKeys
            }
            guard bindings.count > before else {
                throw AutoConfError("\(place) names neither a kube_service nor kube_endpoints")
            }
            warnings += fields.unknownKeys
        }
        let isTwice = bindings.indices.contains { last in
            bindings[..<last].contains { $0.names(theSameAs: bindings[last]) }
        }
        if isTwice { throw AutoConfError("\(key) names an object twice") }
        return (bindings, warnings)
    }

    private mutating func objectName() throws(AutoConfError) -> NamespacedName {
        NamespacedName(namespace: try name("namespace"), name: try name("name"))
    }
}

extension FileTemplate.Binding {
    fileprivate func names(theSameAs other: FileTemplate.Binding) -> Bool {
        (part == .service) == (other.part == .service) && service == other.service
    }
}
