import Glibc
import Platform

/// What shows that a file has changed, without reading it.
package struct FileSignature: Hashable, Sendable {
    /// What a path leads to, symbolic links followed.
    package enum Kind: Sendable {
        case file
        case directory
        case other
    }

    /// What the path leads to.
    package let kind: Kind
    /// In bytes.
    package let size: Int64
    /// Device and inode, which differ for another file of the same name.
    package let identity: [UInt64]
    /// When its contents and its inode last changed, in nanoseconds.
    package let changed: [Int64]

    /// A signature.
    package init(kind: Kind, size: Int64, identity: [UInt64], changed: [Int64]) {
        self.kind = kind
        self.size = size
        self.identity = identity
        self.changed = changed
    }
}

/// Why a file or directory cannot be read.
package struct FileAccessError: Error, Hashable, Sendable {
    /// The system's error number.
    package let number: Int32

    /// An error of the system's number.
    package init(number: Int32) {
        self.number = number
    }

    /// The system's message.
    var reason: String {
        systemErrorText(number)
    }

    /// Whether the cause is the file itself, and stays until somebody changes it. Other errors may be temporary, such
    /// as an I/O error or too many open files.
    var isLasting: Bool {
        [ENOENT, EACCES, EPERM, ELOOP, ENOTDIR, EISDIR, ENAMETOOLONG, EFBIG, ENXIO].contains(number)
    }
}

/// The file system as AutoConf reads it.
package protocol ConfigFiles: Sendable {
    /// The names in a directory.
    func names(in directory: String) throws(FileAccessError) -> [String]
    /// What a path leads to.
    func signature(of path: String) throws(FileAccessError) -> FileSignature
    /// The whole of a file; `EFBIG` if it is larger than `limit` bytes.
    func contents(of path: String, atMost limit: Int) throws(FileAccessError) -> [UInt8]
}

/// The operating system's files.
package struct SystemConfigFiles: ConfigFiles {
    /// A view of the operating system's files.
    package init() {}

    /// The names in a directory, but for `.` and `..`.
    package func names(in directory: String) throws(FileAccessError) -> [String] {
        guard let stream = unsafe opendir(FileName.bytes(of: directory)) else { throw FileAccessError(number: errno) }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = unsafe readdir(stream) else {
                guard errno == 0 else { throw FileAccessError(number: errno) }
                return names
            }
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe FileName.text(of: bytes.prefix { $0 != 0 })
            }
            if name != ".", name != ".." { names.append(name) }
        }
    }

    /// What a path leads to, symbolic links followed.
    package func signature(of path: String) throws(FileAccessError) -> FileSignature {
        var status = stat()
        guard unsafe stat(FileName.bytes(of: path), &status) == 0 else { throw FileAccessError(number: errno) }
        let kind: FileSignature.Kind
        switch status.st_mode & S_IFMT {
        case S_IFREG: kind = .file
        case S_IFDIR: kind = .directory
        default: kind = .other
        }
        return FileSignature(
            kind: kind, size: Int64(status.st_size), identity: [UInt64(status.st_dev), UInt64(status.st_ino)],
            changed: [status.st_mtim, status.st_ctim].map { Int64($0.tv_sec) &* 1_000_000_000 &+ Int64($0.tv_nsec) })
    }

    /// The whole of a file.
    package func contents(of path: String, atMost limit: Int) throws(FileAccessError) -> [UInt8] {
        do throws(FileError) {
            return try readFile(FileName.bytes(of: path), atMost: limit)
        } catch {
            throw FileAccessError(number: error.number)
        }
    }
}
