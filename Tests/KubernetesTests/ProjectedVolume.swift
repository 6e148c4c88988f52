import TestKit

/// A projected volume as the kubelet makes it: each file is a link to `..data/FILE`, and `..data` a link to the folder
/// of the newest version, which is swapped at once by a rename.
final class ProjectedVolume {
    private let directory: TemporaryDirectory
    private var versions = 0

    var path: String { directory.path }

    init(_ files: [String: String]) throws {
        directory = try TemporaryDirectory()
        try swap(files)
        for name in files.keys { try directory.link(name, to: "..data/\(name)") }
    }

    /// Replaces all files at once; those that are not given are gone.
    func swap(_ files: [String: String]) throws {
        versions += 1
        let version = "..version-\(versions)"
        for (name, text) in files { try directory.write("\(version)/\(name)", text) }
        try directory.link("..data", to: version)
    }
}
