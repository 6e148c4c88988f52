import Glibc
import Platform

/// What a command is given on its standard input.
enum StandardInput {
    /// Its name in messages.
    static let name = "standard input"

    /// Reads it to its end.
    ///
    /// - Throws: `FileError` if it cannot be read, or has more than `limit` bytes.
    static func read(atMost limit: Int) throws(FileError) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe Glibc.read(0, &buffer, buffer.count)
            guard count >= 0 else { throw FileError(path: name, number: errno) }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
            guard bytes.count <= limit else { throw FileError(path: name, number: EFBIG) }
        }
    }
}
