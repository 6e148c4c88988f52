import Glibc
import HTTPServer
import JSON
import Kubernetes
import Platform
import YAML

/// `secret`: prints the Secret that all pods need, or a patch that renews a part of it. It needs no cluster.
struct SecretCommand {
    private enum Part: String, CaseIterable {
        case token
        case operatorToken = "operator-token"
        case certificate
    }

    private static let usualName = "cluster-agent"
    private static let namespace = Option.text(
        "namespace", default: usualName, allowed: "a namespace", help: "The namespace of the cluster-agent.",
        accepts: { isDNSSubdomain($0) && !$0.contains(".") && $0.utf8.count <= 63 })
    private static let name = Option.text(
        "name", default: usualName, allowed: "a name of an object", help: "The name of the Secret.",
        accepts: { isDNSSubdomain($0) })
    private static let hosts = Option.list(
        "hosts", help: "Host names and addresses besides those of the Service by which node-agents reach it.")
    private static let days = Option.integer(
        "days", in: 1...36_500, default: 3650, help: "For how many days the certificate is valid.")
    private static let renew = Option.text(
        "renew", allowed: "one of " + Part.allCases.map(\.rawValue).joined(separator: ", "),
        help: "Print a patch that renews this and leaves all else as it is.",
        accepts: { $0.isEmpty || Part(rawValue: $0) != nil })

    private static let about = """
        Prints the Secret that all pods need, with new tokens (token, operator-token) and a new certificate and key
        (tls.crt, tls.key). Nothing is kept of it. From the image: `docker run --rm IMAGE secret`, with --interactive
        where it reads standard input.

          cluster-agent secret --namespace NAMESPACE | kubectl create --filename -

        With --renew it prints a patch of that Secret, which the pods take over without a restart:

          cluster-agent secret --renew token | kubectl -n NAMESPACE patch secret cluster-agent --patch-file /dev/stdin

        A certificate is renewed with the Secret as it is on standard input: the old one issues the new one, so that
        node-agents that do not have the new one yet trust it too. It gets the same names, and a new key.

          kubectl -n NAMESPACE get secret cluster-agent --output json | cluster-agent secret --renew certificate |
            kubectl -n NAMESPACE patch secret cluster-agent --patch-file /dev/stdin
        """

    /// The Secret as `kubectl get` prints it.
    private static let limit = 1 << 20

    static let command = Program.Command(
        "secret", help: "prints the Secret that all pods need, or renews a part of it",
        table: OptionTable(namespace, name, hosts, days, renew), acceptsRunOptions: false, about: about
    ) { context throws(StartError) in
        let output = try SecretCommand(options: context.options, now: context.clock.wallTime()).output()
        print(String(decoding: output.encoded(), as: UTF8.self))
        return 0
    }

    let options: Options
    let now: WallTime

    private func output() throws(StartError) -> JSONValue {
        guard let part = Part(rawValue: options[Self.renew]) else { return try manifest() }
        for (key, isGiven) in [
            (Self.namespace.key, !options[Self.namespace].hasSameBytes(as: Self.usualName)),
            (Self.name.key, !options[Self.name].hasSameBytes(as: Self.usualName)),
            (Self.hosts.key, !options[Self.hosts].isEmpty),
        ] where isGiven {
            throw .usage("--\(key): not with --renew, which keeps it: say to kubectl which Secret to patch")
        }
        return .object(["data": .object(try renewed(part))])
    }

    private func manifest() throws(StartError) -> JSONValue {
        let (name, namespace) = (options[Self.name], options[Self.namespace])
        let service = Self.usualName
        let hosts = [service, "\(service).\(namespace)", "\(service).\(namespace).svc"]
        let identity: TLSIdentity
        do throws(HTTPServerError) {
            identity = try TLSIdentity.selfSigned(
                hosts: hosts + ["\(service).\(namespace).svc.cluster.local"] + options[Self.hosts],
                days: options[Self.days], from: now)
        } catch {
            throw .usage("--\(Self.hosts.key): \(error)")
        }
        let labels = ["name", "instance", "part-of"].map {
            (ExactText("app.kubernetes.io/\($0)"), JSONValue.string(service))
        }
        return .object([
            "apiVersion": .string("v1"), "kind": .string("Secret"), "type": .string("Opaque"),
            "metadata": .object([
                "name": .string(name), "namespace": .string(namespace),
                "labels": .object(Dictionary(uniqueKeysWithValues: labels)),
            ]),
            "data": .object(
                Self.files(of: identity).merging([
                    "token": Self.newToken(), "operator-token": Self.newToken(),
                ]) { $1 }),
        ])
    }

    private func renewed(_ part: Part) throws(StartError) -> [ExactText: JSONValue] {
        guard part == .certificate else { return [ExactText(part.rawValue): Self.newToken()] }
        let old = try Self.readIdentity()
        do throws(HTTPServerError) {
            return Self.files(of: try old.successor(days: options[Self.days], from: now))
        } catch {
            throw StartError("\(StandardInput.name): \(error)")
        }
    }

    private static func newToken() -> JSONValue {
        encoded(Array(SharedToken.new(SystemEntropy()).utf8))
    }

    private static func files(of identity: TLSIdentity) -> [ExactText: JSONValue] {
        ["tls.crt": encoded(identity.certificatePEM), "tls.key": encoded(identity.privateKeyPEM)]
    }

    private static func encoded(_ bytes: [UInt8]) -> JSONValue {
        var text: [UInt8] = []
        Base64.encode(bytes, into: &text)
        return .string(String(decoding: text, as: UTF8.self))
    }
}

// Reading the Secret.
extension SecretCommand {
    private static func readIdentity() throws(StartError) -> TLSIdentity {
        guard isatty(STDIN_FILENO) == 0 else {
            throw .usage(
                "--renew=certificate needs the Secret on standard input: "
                    + "kubectl -n NAMESPACE get secret cluster-agent --output json | …")
        }
        let secret: JSONValue
        do {
            secret = try JSONValue(jsonOrYAML: try StandardInput.read(atMost: limit))
        } catch let error as YAMLError {
            throw StartError(error.description(in: StandardInput.name))
        } catch {
            throw StartError("\(error)")
        }
        guard secret["kind"]?.stringValue == "Secret" else { throw StartError("\(StandardInput.name): no Secret") }
        let files = (try file("tls.crt", of: secret), try file("tls.key", of: secret))
        do throws(HTTPServerError) {
            return try TLSIdentity(certificatePEM: files.0, keyPEM: files.1)
        } catch {
            throw StartError("\(StandardInput.name): \(error)")
        }
    }

    private static func file(_ key: String, of secret: JSONValue) throws(StartError) -> [UInt8] {
        guard let text = secret["data"]?[key]?.stringValue else {
            throw StartError("\(StandardInput.name): the Secret has no data of the key \(key)")
        }
        guard let bytes = Base64.decode(text.utf8) else {
            throw StartError("\(StandardInput.name): data[\(key)]: not base64")
        }
        return bytes
    }
}
