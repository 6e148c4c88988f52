import Glibc
import Platform

/// A projected volume as the kubelet makes it: each file is a link to `..data/FILE`, and `..data` a link to the folder of the newest
/// version, which is swapped at once by a rename.
final class ProjectedVolume {
    let path: String
    private var versions = 0
    private var made: [String] = []

    init(_ files: [String: String]) throws {
        var template = Array("/tmp/kubernetes-volume-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw SystemCallError("mkdtemp") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        try swap(files)
        for name in files.keys { try link("\(path)/\(name)", to: "..data/\(name)") }
    }

    deinit {
        for file in made.reversed() where unsafe unlink(file) != 0 { unsafe rmdir(file) }
        unsafe rmdir(path)
    }

    /// Replaces all files at once; those that are not given are gone.
    func swap(_ files: [String: String]) throws {
        versions += 1
        let version = "..version-\(versions)"
        guard unsafe mkdir("\(path)/\(version)", 0o700) == 0 else { throw SystemCallError("mkdir") }
        made.append("\(path)/\(version)")
        for (name, text) in files {
            try writeFile("\(path)/\(version)/\(name)", Array(text.utf8))
            made.append("\(path)/\(version)/\(name)")
        }
        guard unsafe symlink(version, "\(path)/..data_tmp") == 0 else { throw SystemCallError("symlink") }
        guard unsafe rename("\(path)/..data_tmp", "\(path)/..data") == 0 else { throw SystemCallError("rename") }
        if versions == 1 { made.append("\(path)/..data") }
    }

    private func link(_ file: String, to target: String) throws {
        guard unsafe symlink(target, file) == 0 else { throw SystemCallError("symlink") }
        made.append(file)
    }
}
