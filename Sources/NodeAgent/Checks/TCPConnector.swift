import CheckOptions
import Glibc
import Platform
import Synchronization

/// Runs `tcp_check`s, each on its own thread, because `getaddrinfo` blocks without a time limit. A run that is stopped
/// completes at once; its thread ends when the lookup does.
final class TCPConnector: Sendable {
    /// One run. It completes once: when it has a result, or when it is stopped.
    final class Run: Sendable {
        private struct Completion: Sendable {
            let call: @Sendable (CheckOutcome) -> Void
        }

        private let completion: Mutex<Completion?>

        init(_ completion: @escaping @Sendable (CheckOutcome) -> Void) {
            self.completion = Mutex(Completion(call: completion))
        }

        var isOver: Bool {
            completion.withLock { $0 == nil }
        }

        /// Calls the completion, unless the run is over.
        func finish(_ outcome: CheckOutcome) {
            let waiting = completion.withLock { completion in
                defer { completion = nil }
                return completion
            }
            waiting?.call(outcome)
        }
    }

    /// How many threads there may be, including those of stopped runs whose lookup still hangs.
    private static let limit = 256
    /// How often a thread that is connecting checks whether its run was stopped.
    private static let slice: Duration = .milliseconds(200)

    private let clock: any Clock
    private let threads = Atomic<Int>(0)

    init(clock: any Clock) {
        self.clock = clock
    }

    /// Starts a run and returns a closure that stops it.
    func start(
        _ check: TCPCheck, deadline: Instant, completion: @escaping @Sendable (CheckOutcome) -> Void
    ) -> @Sendable () -> Void {
        let run = Run(completion)
        guard threads.wrappingAdd(1, ordering: .relaxed).newValue <= Self.limit else {
            threads.wrappingSubtract(1, ordering: .relaxed)
            completion(.failure(CheckFailure(.dns, "\(Self.limit) name lookups of earlier runs still hang")))
            return {}
        }
        do {
            // It may outlive its run, so nobody joins it.
            try NamedThread("tcp_check") { [self] in
                run.finish(connect(check, run, deadline))
                threads.wrappingSubtract(1, ordering: .relaxed)
            }.detach()
        } catch {
            threads.wrappingSubtract(1, ordering: .relaxed)
            run.finish(.failure(CheckFailure(.connect, "cannot start a thread: \(error)")))
        }
        return { run.finish(.failure(CheckFailure(.connect, "stopped"))) }
    }

    /// Tries each address of the name in turn until one accepts.
    private func connect(_ check: TCPCheck, _ run: Run, _ deadline: Instant) -> CheckOutcome {
        let addresses: AddressList
        do throws(CheckFailure) {
            addresses = try AddressList(host: check.host, port: check.port)
        } catch {
            return .failure(error)
        }
        var failure = CheckFailure(.dns, "\(check.host) has no address")
        for index in 0..<addresses.count where !run.isOver {
            do throws(CheckFailure) {
                try connect(addresses, index, "\(check.host) port \(check.port)", run, deadline)
                return .success(CheckSuccess())
            } catch {
                failure = error
                if error.kind == .timeout { break }
            }
        }
        return .failure(failure)
    }

    private func connect(
        _ addresses: borrowing AddressList, _ index: Int, _ target: String, _ run: Run, _ deadline: Instant
    ) throws(CheckFailure) {
        let socket = addresses.openSocket(index)
        guard socket >= 0 else { throw CheckFailure(.connect, "\(target): \(systemErrorText(errno))") }
        defer { close(socket) }
        if addresses.connect(socket, index) == 0 { return }
        guard errno == EINPROGRESS else { throw Self.failure(errno, target) }
        while !run.isOver {
            let left = deadline - clock.now()
            guard left > .zero else { throw CheckFailure(.timeout, "\(target): not connected in time") }
            var waiting = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
            let milliseconds = Int32((min(left, Self.slice).nanoseconds + 999_999) / 1_000_000)
            let ready = unsafe poll(&waiting, 1, milliseconds)
            guard ready != 0 else { continue }
            if ready < 0, errno == EINTR { continue }
            var error: Int32 = 0
            var size = socklen_t(MemoryLayout<Int32>.size)
            guard ready > 0, unsafe getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0 else {
                throw Self.failure(errno, target)
            }
            guard error == 0 else { throw Self.failure(error, target) }
            return
        }
        throw CheckFailure(.timeout, "\(target): stopped")
    }

    private static func failure(_ number: Int32, _ target: String) -> CheckFailure {
        let kind: CheckFailure.Kind =
            switch number {
            case ECONNREFUSED: .refused
            case ETIMEDOUT: .timeout
            default: .connect
            }
        return CheckFailure(kind, "\(target): \(systemErrorText(number))")
    }
}

/// The addresses that `getaddrinfo` finds for a name.
@safe private struct AddressList: ~Copyable {
    private let list: UnsafeMutablePointer<addrinfo>
    let count: Int

    /// Blocks for as long as the resolver does.
    ///
    /// - Throws: `CheckFailure` of kind `dns`.
    init(host: String, port: UInt16) throws(CheckFailure) {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        let problem = unsafe getaddrinfo(host, String(port), &hints, &found)
        guard problem == 0, let list = unsafe found else {
            throw CheckFailure(.dns, unsafe "\(host): \(String(cString: gai_strerror(problem)))")
        }
        unsafe self.list = list
        var count = 0
        var next: UnsafeMutablePointer<addrinfo>? = unsafe list
        while let one = unsafe next {
            count += 1
            unsafe next = one.pointee.ai_next
        }
        self.count = count
    }

    deinit {
        unsafe freeaddrinfo(list)
    }

    func openSocket(_ index: Int) -> Int32 {
        let address = unsafe entry(index)
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        return unsafe socket(address.pointee.ai_family, type, address.pointee.ai_protocol)
    }

    func connect(_ socket: Int32, _ index: Int) -> Int32 {
        let address = unsafe entry(index)
        return unsafe Glibc.connect(socket, address.pointee.ai_addr, address.pointee.ai_addrlen)
    }

    private func entry(_ index: Int) -> UnsafeMutablePointer<addrinfo> {
        var entry = unsafe list
        for _ in 0..<index {
            if let next = unsafe entry.pointee.ai_next { unsafe entry = next }
        }
        return unsafe entry
    }
}
