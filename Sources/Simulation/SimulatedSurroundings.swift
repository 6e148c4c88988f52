import AutoConf
import ClusterChecks
import Glibc
import HTTPServer
import Leadership
import Platform
import Replica
import Synchronization

/// Carries a replica's calls to the leader over the simulated network.
struct NetworkTransport: ReplicaTransport {
    /// What to call when an answer came back, before it is handed on.
    final class Hook: Sendable {
        private struct Body: Sendable {
            let call: @Sendable () -> Void
        }

        private let body = Mutex<Body?>(nil)

        func set(_ call: @escaping @Sendable () -> Void) {
            body.withLock { $0 = Body(call: call) }
        }

        func call() {
            body.withLock { $0 }?.call()
        }
    }

    let process: SimulatedProcess
    let network: SimulatedNetwork
    let relayed = Hook()

    func send(_ forward: Forward, completion: @escaping @Sendable (ForwardResult) -> Void) {
        let parts = forward.target.split(separator: "?", maxSplits: 1).map(String.init)
        let request = HTTPRequest(
            method: forward.method == "POST" ? .post : .get, path: parts[0],
            query: parts.count > 1 ? parts[1] : nil, headers: HTTPHeaders(forward.headers), body: forward.body ?? [],
            peer: PeerAddress(host: "", port: 0))
        network.send(request, from: process, to: forward.leader.address, deadline: forward.deadline) { result in
            let came: ForwardResult
            switch result {
            case .success(let response):
                came = .answered(status: response.status, headers: response.headers, body: response.joinedBody)
            case .failure(let error):
                came = .failed("\(error)")
            }
            relayed.call()
            completion(came)
        }
    }
}

/// Where a replica's store events go, which is known only once the replica is made.
final class StoreObserver: Sendable {
    private struct Body: Sendable {
        let call: @Sendable (StoreEvent) -> Void
    }

    private let body = Mutex<Body?>(nil)

    func set(_ call: @escaping @Sendable (StoreEvent) -> Void) {
        body.withLock { $0 = Body(call: call) }
    }

    func call(_ event: StoreEvent) {
        body.withLock { $0 }?.call(event)
    }
}

/// Runs background work as a job of the process.
struct ProcessJobs: BackgroundExecutor {
    let process: SimulatedProcess

    func run(_ work: @escaping @Sendable () -> Void) -> Bool {
        process.post(work)
        return true
    }
}

/// A file system without files.
struct NoFiles: ConfigFiles {
    func names(in directory: String) throws(FileAccessError) -> [String] {
        throw FileAccessError(number: ENOENT)
    }

    func signature(of path: String) throws(FileAccessError) -> FileSignature {
        throw FileAccessError(number: ENOENT)
    }

    func contents(of path: String, atMost limit: Int) throws(FileAccessError) -> [UInt8] {
        throw FileAccessError(number: ENOENT)
    }
}
