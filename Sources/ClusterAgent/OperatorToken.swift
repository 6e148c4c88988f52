import Glibc
import HTTPServer
import Platform

/// The operator's token: a file's, made at the start if it does not exist, so that the command line on the same machine
/// finds it.
///
/// A certificate that is self-signed at the start is written beside it (`<file>.crt`): the command line trusts that one
/// and no other.
struct OperatorToken: Sendable {
    private static let interval: Duration = .seconds(5)

    private let file: RereadFile

    /// Reads the file, or makes it with mode 0600; nil if the option is not set.
    ///
    /// - Throws: `StartError` if it can be neither read nor made, or others than its owner and group may read it.
    init?(_ options: Options, entropy: any Entropy, clock: any Clock) throws(StartError) {
        let option = AgentOptions.operatorTokenFile
        let path = options[option]
        guard !path.isEmpty else { return nil }
        do throws(FileError) {
            try Self.make(path, entropy)
            try Self.check(path)
            file = try RereadFile(path, every: Self.interval, clock: clock, accepts: { SharedToken.problem($0) })
        } catch {
            throw StartError("--\(option.key): \(error)")
        }
    }

    /// Reads what another process made.
    ///
    /// - Throws: `StartError` with what to do.
    init(of options: Options, clock: any Clock) throws(StartError) {
        let option = AgentOptions.operatorTokenFile
        guard !options[option].isEmpty else {
            throw .usage("--\(option.key)=FILE is needed, as the cluster-agent was given it")
        }
        do throws(FileError) {
            file = try RereadFile(options[option], every: Self.interval, clock: clock)
        } catch {
            throw StartError("--\(option.key): \(error); does the cluster-agent run here, and may you read its file?")
        }
    }

    /// The token now.
    var text: String { file.text }

    /// The certificate that the command line trusts; nil if there is none to find.
    static func certificatePath(_ options: Options) -> String? {
        let (given, token) = (options[AgentOptions.certificateFile], options[AgentOptions.operatorTokenFile])
        return given.isEmpty ? (token.isEmpty ? nil : token + ".crt") : given
    }

    /// Keeps `tokens` what the file says, until cancelled.
    func follow(into tokens: BearerTokens, clock: any Clock) async {
        await tokens.follow(every: Self.interval, clock: clock) { file.text }
    }

    private static func make(_ path: String, _ entropy: any Entropy) throws(FileError) {
        let token = Array(SharedToken.new(entropy).utf8)
        // Exclusively: what is there, a link least of all, is never written to.
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            if errno == EEXIST { return }
            throw FileError(path: path, number: errno)
        }
        let count = unsafe token.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
        let failure = errno
        close(descriptor)
        guard count == token.count else {
            unsafe unlink(path)
            throw FileError(path: path, number: count < 0 ? failure : ENOSPC)
        }
    }

    /// A Secret's file may be read by its group: that is how a pod that does not run as root gets it.
    private static func check(_ path: String) throws(FileError) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { throw FileError(path: path, number: errno) }
        guard status.st_mode & 0o007 == 0 else {
            throw FileError(path: path, reason: "everybody may use this token; chmod o= \(path)")
        }
    }
}
