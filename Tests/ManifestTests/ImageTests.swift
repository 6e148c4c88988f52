import CheckModel
import JSON
import Platform
import TestKit
import TestSupport
import Testing

/// The image that the Dockerfile makes: really built, by `Tests/setup/image`.
@Suite(.serialized) struct ImageTests {
    /// The exported image: its root file system and its configuration.
    private struct Image {
        let directory: TemporaryDirectory
        let config: JSONValue

        var root: String { "\(directory.path)/image/rootfs" }

        /// The first time after a change it is built, which takes minutes.
        static func export() async throws -> Image {
            let directory = try TemporaryDirectory()
            _ = try await Rendered.output(
                "\(TestEnvironment.root)/Tests/setup/image", ["\(directory.path)/image"], within: .seconds(2400))
            let config = try readFile("\(directory.path)/image/config.json", atMost: 1 << 20)
            return Image(directory: directory, config: try JSONValue(parsing: config))
        }

        /// The paths, without the root, of the files that `find` selects.
        func find(_ tests: String...) async throws -> [String] {
            try await Rendered.output("/usr/bin/find", [root] + tests + ["-printf", "%P\n"])
                .split(separator: "\n").map(String.init).sorted()
        }

        /// Runs a program with nothing but the image in sight, as a container does.
        func run(_ arguments: String...) async throws -> String {
            let enter =
                #"mkdir -p "$0/proc" && mount -t proc proc "$0/proc" && exec chroot --userspec=10001:10001 "$0" "$@""#
            return try await Rendered.output(
                "/usr/bin/unshare", ["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", enter, root] + arguments)
        }
    }

    /// It is built for the architecture of whoever builds it: the base image and its packages exist for arm64 too.
    @Test func `the Dockerfile names no architecture`() throws {
        let text = String(
            decoding: try readFile("\(TestEnvironment.root)/Dockerfile", atMost: 1 << 16), as: UTF8.self)
        for name in ["amd64", "x86", "arm64", "aarch64", "linux-gnu", "--platform", "ld-linux", "lib64"] {
            #expect(!text.contains(name), "it names \(name)")
        }
    }

    @Test func `the image holds no other programs than ours`() async throws {
        let image = try await Image.export()
        let programs = try await image.find("-type", "f", "-perm", "/111", "!", "-name", "*.so*")
        #expect(programs == ["usr/local/bin/cluster-agent", "usr/local/bin/node-agent"])
        let others = try await image.find(
            "-regextype", "egrep", "-regex",
            ".*/((ba|da|a|z|k)?sh|busybox|env|perl[0-9.]*|python[0-9.]*|apt(-get)?|dpkg|apk|rpm|dnf)")
        #expect(others == [])
        // Links point to nothing else either.
        #expect(try await image.find("-type", "l") == [])
        #expect(try await image.find("-type", "f", "-size", "+40M") == [])
    }

    @Test func `no file of the image is writable or set-user-ID`() async throws {
        let image = try await Image.export()
        #expect(try await image.find("-perm", "/6000") == [])
        #expect(try await image.find("!", "-type", "l", "-perm", "/0022") == [])
        #expect(try await image.find("(", "!", "-uid", "0", "-o", "!", "-gid", "0", ")") == [])
        let users = String(decoding: try readFile("\(image.root)/etc/passwd", atMost: 4096), as: UTF8.self)
        #expect(users == "cluster-agent:x:10001:10001::/nonexistent:/nonexistent\n")
        let authorities = try readFile("\(image.root)/etc/ssl/certs/ca-certificates.crt", atMost: 1 << 22)
        let count = String(decoding: authorities, as: UTF8.self).split(separator: "\n")
            .count { $0 == "-----BEGIN CERTIFICATE-----" }
        #expect(count > 100)
    }

    @Test func `the programs run in the image`() async throws {
        let image = try await Image.export()
        for (program, option) in [
            ("cluster-agent", "leader_lease_name"), ("node-agent", "cluster_agent.url"),
        ] {
            let path = "/usr/local/bin/\(program)"
            let version = try await image.run(path, "version")
            #expect(version.split(separator: " ").last == "\(try label(image))\n", "\(version)")
            #expect(try await image.run(path, "--help").contains("\(program) run"))
            #expect(try await image.run(path, "run", "--help").contains(option))
        }
        // As `docker run IMAGE secret`.
        let secret = try await image.run("/usr/local/bin/cluster-agent", "secret")
        #expect(secret.hasPrefix(#"{"apiVersion":"v1","data":{"operator-token":""#), "it printed something else")
    }

    @Test func `the manifests run what is in the image`() async throws {
        let image = try await Image.export()
        let exposed = Set((image.config["ExposedPorts"]?.objectValue ?? [:]).keys)
        var used: Set<ExactText> = []
        for container in try await containers("base") + containers("overlays/runners") {
            let command = container.spec["command"]?.arrayValue?.compactMap(\.stringValue) ?? []
            #expect(command.count == 1)
            let programs = try await image.find("-perm", "-0555", "-path", "\(image.root)\(command.first ?? "")")
            #expect(programs.map { "/\($0)" } == command)
            #expect(container.user == image.config["User"]?.stringValue)
            for port in container.spec["ports"]?.arrayValue ?? [] {
                used.insert("\(port["containerPort"]?.integerValue ?? 0)/tcp")
            }
            if container.spec["name"] == .string("cluster-agent") {
                #expect(image.config["Entrypoint"] == container.spec["command"])
                #expect(image.config["Cmd"]?.arrayValue == container.spec["args"]?.arrayValue?.prefix(1).map(\.self))
            }
            #expect(container.spec["image"] == .string("cluster-agent:\(try label(image))"))
        }
        #expect(used == exposed)
        // Nothing is set but what buildah sets always, and the limit of the C library's caches.
        let variables = image.config["Env"]?.arrayValue?.compactMap(\.stringValue) ?? []
        #expect(variables.filter { !$0.hasPrefix("PATH=") } == ["GLIBC_TUNABLES=glibc.malloc.tcache_max=128"])
    }

    /// From the programs of the image, which are built in the same way.
    @Test func `the archives of a release hold the programs, and are the same each time`() async throws {
        let image = try await Image.export()
        let script = "\(TestEnvironment.root)/.ci/release"
        func release(_ folder: String, into name: String) async throws -> (end: ChildProcess.End, output: String) {
            let variables = ["RELEASE_FOLDER=\(image.directory.path)/\(name)", "SOURCE_DATE_EPOCH=1700000000"]
            return try await Rendered.run("/usr/bin/env", variables + [script, folder])
        }
        let programs = "\(image.root)/usr/local/bin"
        let first = try await release(programs, into: "first")
        #expect(first.end == .exited(0), "\(first.output)")
        #expect(try await release(programs, into: "second").output == first.output)
        let machine = try await Rendered.output("/usr/bin/uname", ["--machine"]).dropLast()
        for program in ["cluster-agent", "node-agent"] {
            let name = "\(program)-\(try label(image))-linux-\(machine)"
            let look = """
                set -e; cd \(image.directory.path)/first; sha256sum --check --quiet SHA256SUMS
                tar --list --verbose --gzip --file=\(name).tar.gz --utc | tr --squeeze-repeats ' ' | cut -d ' ' -f 1,2,4-
                tar --extract --gzip --file=\(name).tar.gz; \(name)/\(program) version
                ldd \(name)/\(program) | grep --count 'swift\\|Foundation\\|not found' || true
                """
            let lines = try await Rendered.output("/bin/sh", ["-c", look]).split(separator: "\n").map(String.init)
            let time = "2023-11-14 22:13"
            #expect(
                lines == [
                    "drwxr-xr-x 0/0 \(time) \(name)/", "-rw-r--r-- 0/0 \(time) \(name)/LICENSE",
                    "-rwxr-xr-x 0/0 \(time) \(name)/\(program)", "\(program) \(try label(image))", "0",
                ])
        }
        // These need the shared libraries of the toolchain.
        let debug = try TestEnvironment.program("cluster-agent").dropLast("/cluster-agent".count)
        let refused = try await release(String(debug), into: "first")
        #expect(refused.end == .exited(1), "\(refused.output)")
        #expect(refused.output.hasSuffix("cluster-agent does not contain the Swift runtime\n"), "\(refused.output)")
        #expect(try await release(programs, into: "first").output == first.output)
    }

    @Test func `a release is built as the image is`() throws {
        for file in ["Dockerfile", ".ci/release"] {
            let text = String(decoding: try readFile("\(TestEnvironment.root)/\(file)", atMost: 1 << 16), as: UTF8.self)
            #expect(text.contains(" --configuration release --static-swift-stdlib --product "), "\(file)")
            #expect(text.contains("install --strip "), "\(file)")
        }
    }

    private func label(_ image: Image) throws -> String {
        image.config["Labels"]?["org.opencontainers.image.version"]?.stringValue ?? ""
    }

    /// All containers of a folder's workloads, and the user and group that they run as.
    private func containers(_ folder: String) async throws -> [(spec: JSONValue, user: String)] {
        let directory = try TemporaryDirectory()
        let script = "import json, sys, yaml; json.dump(list(yaml.safe_load_all(open(sys.argv[1]))), sys.stdout)"
        let text = try await Rendered.output(
            "/usr/bin/env", ["python3", "-c", script, try await Rendered.file(folder, in: directory)])
        let objects = try JSONValue(parsing: Array(text.utf8)).arrayValue ?? []
        let pods = objects.compactMap { $0["spec"]?["template"]?["spec"] }
        #expect(pods.count >= 2)
        return pods.flatMap { pod in
            let ids = ["runAsUser", "runAsGroup"].map { pod["securityContext"]?[$0]?.integerValue ?? 0 }
            return (pod["containers"]?.arrayValue ?? []).map { ($0, "\(ids[0]):\(ids[1])") }
        }
    }
}
