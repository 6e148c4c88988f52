import Platform
package import TestKit

/// A folder as a kubelet mounts a Secret or a projected volume: what is in it is replaced as a whole, by one link.
package final class MountedVolume: Sendable {
    private let directory: TemporaryDirectory
    private let name: String

    /// Mounts `files`, by name, as `name` in `directory`.
    package init(_ name: String, in directory: TemporaryDirectory, _ files: [String: [UInt8]]) throws {
        self.directory = directory
        self.name = name
        try replace(files)
        for file in files.keys { try directory.link("\(name)/\(file)", to: "..data/\(file)") }
    }

    /// The folder.
    package var path: String {
        "\(directory.path)/\(name)"
    }

    /// Replaces all files; their names must be those of the first.
    package func replace(_ files: [String: [UInt8]]) throws {
        let version = "..\(UInt64.random(in: 1 ... .max))"
        for (file, contents) in files { try directory.write("\(name)/\(version)/\(file)", contents) }
        try directory.link("\(name)/..data", to: version)
    }
}
