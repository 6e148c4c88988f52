import Glibc

/// What a command line of the shell writes to its standard output, once it has ended.
///
/// - Throws: `TestFailure` if it cannot be started. How it ended is not looked at: let it say in its output that all
///   went well.
package func shellOutput(of command: String) throws -> String {
    guard let pipe = unsafe popen(command, "r") else { throw TestFailure("'\(command)' cannot be started") }
    var output: [UInt8] = []
    while true {
        let byte = unsafe fgetc(pipe)
        guard byte != EOF else { break }
        output.append(UInt8(truncatingIfNeeded: byte))
    }
    unsafe pclose(pipe)
    return String(decoding: output, as: UTF8.self)
}
