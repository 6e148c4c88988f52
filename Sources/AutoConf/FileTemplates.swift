import Platform

/// The files with `advanced_ad_identifiers`, and which Services they concern.
struct FileTemplates {
    private struct Known {
        var template: FileTemplate
        /// Why the file cannot be used now. Its last valid template stays in use.
        var unusable: ConfigProblem?
        /// What stands in for a template that can be read, but not be used everywhere.
        var lastGood = LastGoodTemplates()
    }

    private var files: [ExactText: Known] = [:]
    private var objects: [NamespacedName: Set<ExactText>] = [:]

    /// All files, sorted.
    var all: [String] {
        files.keys.sortedTexts()
    }

    /// The files that name a Service, sorted.
    func naming(_ service: NamespacedName) -> [String] {
        (objects[service] ?? []).sortedTexts()
    }

    /// The template of a file, and the problems of the file itself.
    subscript(object: String) -> (template: FileTemplate, problems: [ConfigProblem])? {
        files[object].map { known in
            (known.template, known.unusable.map { [$0] } ?? known.template.problems)
        }
    }

    /// What stands in for the template of a file.
    func lastGood(of object: String) -> LastGoodTemplates {
        files[object]?.lastGood ?? LastGoodTemplates()
    }

    /// What stands in for the template of a file is this from now on.
    mutating func keep(_ lastGood: LastGoodTemplates, of object: String) {
        files[object]?.lastGood = lastGood
    }

    /// Applies the reading of a file.
    mutating func apply(_ reading: FileReading, of object: String) {
        switch reading {
        case .unchanged: break
        case .keepsLast(let problem): files[object]?.unusable = problem
        case .configs: put(nil, at: object)
        case .template(let template): put(template, at: object)
        }
    }

    /// Removes the files that are gone.
    mutating func remove(where isGone: (String) -> Bool) {
        for object in files.keys where isGone(object.text) { put(nil, at: object.text) }
    }

    private mutating func put(_ template: FileTemplate?, at object: String) {
        for binding in files[object]?.template.bindings ?? [] {
            objects[binding.service]?.remove(object)
            if objects[binding.service]?.isEmpty == true { objects[binding.service] = nil }
        }
        files[object] = template.map { template in
            var lastGood = lastGood(of: object)
            if let former = files[object]?.template.template { lastGood.add([former]) }
            return Known(template: template, lastGood: lastGood)
        }
        for binding in template?.bindings ?? [] { objects[binding.service, default: []].insert(object) }
    }
}
