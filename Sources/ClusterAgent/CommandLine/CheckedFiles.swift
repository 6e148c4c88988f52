import AutoConf
import JSON
import Platform

/// A `confd_path` without those of its files that are manifests.
struct CheckedFolder: ConfigFiles {
    /// Paths.
    var manifests: Set<ExactText> = []

    func names(in directory: String) throws(FileAccessError) -> [String] {
        try SystemConfigFiles().names(in: directory).filter { !manifests.contains("\(directory)/\($0)") }
    }

    func signature(of path: String) throws(FileAccessError) -> FileSignature {
        try SystemConfigFiles().signature(of: path)
    }

    func contents(of path: String, atMost limit: Int) throws(FileAccessError) -> [UInt8] {
        try SystemConfigFiles().contents(of: path, atMost: limit)
    }
}

/// A `confd_path` with a single file, in it or in a directory `<check>.d`.
struct OneConfigFile: ConfigFiles {
    /// The `confd_path`.
    let directory: String
    /// The file.
    let path: String
    /// Whether AutoConf takes no notice of it.
    var isIgnored: Bool { directory == folder && ConfigFileName.listsMetrics(Self.split(path).name) }
    private let folder: String

    init(_ path: String) {
        // A path that is not absolute begins with the folder that it is in, like one that is listed.
        self.path = path.hasPrefix("/") || path.hasPrefix("./") ? path : "./\(path)"
        (folder, _) = Self.split(self.path)
        let (above, name) = Self.split(folder)
        // `conf.d` is what the directory of all checks is called.
        directory = name.hasSuffix(".d") && name != "conf.d" ? above : folder
    }

    func names(in directory: String) -> [String] {
        directory == folder ? [Self.split(path).name] : directory == self.directory ? [Self.split(folder).name] : []
    }

    func signature(of path: String) throws(FileAccessError) -> FileSignature {
        try SystemConfigFiles().signature(of: path)
    }

    func contents(of path: String, atMost limit: Int) throws(FileAccessError) -> [UInt8] {
        try SystemConfigFiles().contents(of: path, atMost: limit)
    }

    private static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        return (slash == path.startIndex ? "/" : String(path[..<slash]), String(path[path.index(after: slash)...]))
    }
}

/// A `confd_path` with a single file that is a document of another text.
struct GivenConfigFile: ConfigFiles {
    /// The `confd_path`: where the document is.
    let directory: String
    private let name: String
    private let text: [UInt8]

    /// The path of the file.
    var path: String { "\(directory)/\(name)" }

    init(_ document: CheckedText.Document, check: String) {
        directory = document.place
        name = "\(check).yaml"
        text = document.value.encoded()
    }

    func names(in directory: String) -> [String] {
        directory == self.directory ? [name] : []
    }

    func signature(of path: String) -> FileSignature {
        FileSignature(kind: path == directory ? .directory : .file, size: Int64(text.count), identity: [], changed: [])
    }

    func contents(of path: String, atMost limit: Int) -> [UInt8] { text }
}
