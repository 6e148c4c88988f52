import Glibc
import HTTPClient
import HTTPServer
import Platform
import Synchronization
import TestKit
import TestSupport
import Testing

/// What the machine's files and environment must not change. Each test gives a thread of its own other files in their
/// place, which needs root.
@Suite struct HostSettingsTests {
    @Test func `the system's root certificates are not trusted when a CA is given`() async throws {
        let openssl = try OpenSSL()
        let identity = try await openssl.makeIdentity("root")
        let other = try await openssl.makeIdentity("other")
        let path = openssl.directory.path
        let (process, port) = try await openssl.serve(["-cert", "\(path)/root.pem", "-key", "\(path)/root.key"])
        // The server's own certificate becomes one of the system's roots, by its hash as OpenSSL looks for it in
        // CAPATH.
        let hash = try await openssl.run(["x509", "-noout", "-hash", "-in", "\(path)/root.pem"]).prefix { $0 != "\n" }
        let text = { (bytes: [UInt8]) in String(decoding: bytes, as: UTF8.self) }
        try openssl.directory.write("certs/\(hash).0", text(identity.certificate), mode: 0o644)
        try openssl.directory.write("certs/ca-certificates.crt", text(other.certificate), mode: 0o644)
        let request = ClientRequest(url: "https://127.0.0.1:\(port)/")
        let kinds = try await withFiles([("\(path)/certs", "/etc/ssl/certs")]) {
            try [
                ask(request, TLSTrust()), ask(request, TLSTrust(caPEM: other.certificate)),
                ask(request, TLSTrust(caPEM: identity.certificate)),
            ]
        }
        #expect(kinds == ["200", "tls", "200"])
        withExtendedLifetime(process) {}
    }

    @Test func `a silent name server delays no other request`() async throws {
        let directory = try TemporaryDirectory()
        let (silent, address) = try listenForNothing()
        defer { close(silent) }
        let resolver = try directory.write("resolv.conf", "nameserver \(address)\noptions timeout:30 attempts:3\n")
        let switches = try directory.write("nsswitch.conf", "hosts: dns\n")
        let server = try RawServer(answer: RequestTests.ok)
        let results = try await withFiles([(resolver, "/etc/resolv.conf"), (switches, "/etc/nsswitch.conf")]) {
            let client = try plainClient()
            let slow = Completions()
            let soon = SystemClock().now() + .milliseconds(200)
            client.start(ClientRequest(url: "http://silent.example/"), deadline: soon) { slow.add($0) }
            // Once its time is up, the thread would wait for the resolver, which takes 90 s, if it waited at all.
            usleep(500_000)
            let other = Completions()
            let deadline = SystemClock().now() + .seconds(20)
            client.start(ClientRequest(url: server.url()), deadline: deadline) { other.add($0) }
            waitForCompletions(1, other)
            return slow.kinds + other.kinds
        }
        #expect(results == ["timedOut(waiting)", "200"])
    }

    @Test func `a proxy in the environment is not used, and one in the options is`() async {
        await #expect(processExitsWith: .success) {
            let port = try TestEnvironment.freePort()
            for name in ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
                unsafe setenv(name, "http://127.0.0.1:\(port)", 1)
            }
            let server = try RawServer(answer: RequestTests.ok)
            let request = ClientRequest(url: server.url())
            let direct = try plainClient()
            guard try await direct.send(request, deadline: farDeadline).status == 200 else { exit(1) }
            unsafe setenv("no_proxy", "127.0.0.1", 1)
            let proxied = try plainClient { $0.proxy = .url("http://user:pw@127.0.0.1:\(port)/x") }
            guard await failure(proxied, request) == .connectionRefused("the proxy 127.0.0.1:\(port)") else { exit(2) }
            let unresolved = try plainClient { $0.proxy = .url("http://proxy.invalid:1") }
            let reason = "the proxy proxy.invalid:1: its name was not resolved"
            guard await failure(unresolved, request) == .connectionFailed(reason) else { exit(3) }
        }
    }

    /// The status, or the kind of the error, of one request. Blocks the thread.
    private func ask(_ request: ClientRequest, _ trust: TLSTrust) throws -> String {
        let client = try secureClient(trust)
        let completions = Completions()
        client.start(request, deadline: farDeadline) { completions.add($0) }
        waitForCompletions(1, completions)
        return completions.kinds[0]
    }

    private func waitForCompletions(_ count: Int, _ completions: Completions) {
        for _ in 0..<90_000 where completions.count < count { usleep(1_000) }
    }

    /// A UDP socket on port 53 of an address of 127.0.0.0/8 that nobody else uses; it takes questions and answers none.
    private func listenForNothing() throws -> (descriptor: Int32, address: String) {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        for _ in 0..<100 {
            let number = UInt32(truncatingIfNeeded: SystemEntropy().next()) & 0x00FF_FFFF
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = UInt16(53).bigEndian
            address.sin_addr.s_addr = (0x7F00_0000 | number).bigEndian
            let bound = unsafe withUnsafePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            if bound == 0 { return (descriptor, "127.\(number >> 16).\(number >> 8 & 0xFF).\(number & 0xFF)") }
        }
        throw TestFailure("no port 53 for this test: \(systemErrorText(errno))")
    }
}

/// Runs `body` on a thread that sees each first file or folder in place of the second, as do the threads that it
/// starts. Nothing else on the machine does.
private func withFiles<Answer: Sendable>(
    _ replacements: [(file: String, place: String)], _ body: @escaping @Sendable () throws -> Answer
) async throws -> Answer {
    try await withCheckedThrowingContinuation { continuation in
        do {
            try NamedThread("other-files") {
                continuation.resume(
                    with: Result {
                        let mounts = try OwnMounts(replacements)
                        defer { mounts.end() }
                        return try body()
                    })
            }.detach()
        } catch {
            continuation.resume(throwing: error)
        }
    }
}

private typealias Unshare = @convention(c) (Int32) -> Int32
private typealias Mount =
    @convention(c) (
        UnsafePointer<CChar>?, UnsafePointer<CChar>?, UnsafePointer<CChar>?, UInt, UnsafeRawPointer?
    ) -> Int32

/// `unshare`, `mount` and `umount2` are not in Swift's Glibc module; they are looked up.
private struct OwnMounts {
    private let places: [String]

    init(_ replacements: [(file: String, place: String)]) throws {
        let newMountNamespace: Int32 = 0x0002_0000
        let (bind, recursive, isPrivate): (UInt, UInt, UInt) = (0x1000, 0x4000, 0x4_0000)
        guard let unshareSymbol = unsafe dlsym(nil, "unshare"), let mountSymbol = unsafe dlsym(nil, "mount") else {
            throw TestFailure("no unshare or mount in this libc")
        }
        let unshare = unsafe unsafeBitCast(unshareSymbol, to: Unshare.self)
        let mount = unsafe unsafeBitCast(mountSymbol, to: Mount.self)
        guard unshare(newMountNamespace) == 0 else {
            throw TestFailure("no mount namespace of our own, which needs root: \(systemErrorText(errno))")
        }
        // After chroot `/` need not be a mount, and then cannot be made private.
        guard unsafe mount("none", "/", nil, recursive | isPrivate, nil) == 0 || errno == EINVAL else {
            throw TestFailure("mounts cannot be made private: \(systemErrorText(errno))")
        }
        for (file, place) in replacements {
            guard unsafe mount(file, place, nil, bind, nil) == 0 else {
                throw TestFailure("\(place): \(systemErrorText(errno))")
            }
        }
        places = replacements.map(\.place)
    }

    /// Takes the mounts away. They would end with the thread, but not where a mount that is not private has passed them
    /// on.
    func end() {
        typealias Unmount = @convention(c) (UnsafePointer<CChar>?, Int32) -> Int32
        guard let symbol = unsafe dlsym(nil, "umount2") else { return }
        let (unmount, detach) = unsafe (unsafeBitCast(symbol, to: Unmount.self), Int32(2))
        for place in places.reversed() { _ = unsafe unmount(place, detach) }
    }
}
