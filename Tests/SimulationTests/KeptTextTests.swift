import Kubernetes
import Platform
import Simulation
import Testing

/// The text in memory must be as strict as the ConfigMap, or tests with it prove nothing.
@Suite struct KeptTextTests {
    private static let deadline = Instant.distantFuture

    @Test func `only the text that was read is replaced`() async throws {
        let kept = SimulatedKeptText()
        #expect(try await kept.read(deadline: Self.deadline) == nil)
        let first = try await kept.write("a", replacing: nil, deadline: Self.deadline)
        #expect(try await kept.read(deadline: Self.deadline) == VersionedText(text: "a", version: first))
        let second = try await kept.write("b", replacing: first, deadline: Self.deadline)
        #expect(first != second)
        for stale in [nil, first] {
            await expect409 { () async throws(KubernetesError) in
                _ = try await kept.write("c", replacing: stale, deadline: Self.deadline)
            }
        }
        #expect(kept.text == "b")
        #expect(kept.writes == 2)
    }

    @Test func `what was there before is replaced by its version`() async throws {
        let kept = SimulatedKeptText("old")
        await expect409 { () async throws(KubernetesError) in
            _ = try await kept.write("new", replacing: nil, deadline: Self.deadline)
        }
        let read = try #require(try await kept.read(deadline: Self.deadline))
        #expect(try await kept.write("new", replacing: read.version, deadline: Self.deadline) != read.version)
        #expect(kept.text == "new")
    }

    @Test func `a failure is the answer to everything until it ends`() async throws {
        let kept = SimulatedKeptText("a")
        let failure = KubernetesError.transport("gone")
        kept.fail(with: failure)
        await #expect(throws: failure) { try await kept.read(deadline: Self.deadline) }
        await #expect(throws: failure) { try await kept.write("b", replacing: "0", deadline: Self.deadline) }
        #expect(kept.writes == 0)
        kept.fail(with: nil)
        #expect(try await kept.read(deadline: Self.deadline)?.text == "a")
    }

    private func expect409(_ body: () async throws(KubernetesError) -> Void) async {
        do throws(KubernetesError) {
            try await body()
            Issue.record("it was kept")
        } catch {
            guard case .status(let status) = error, status.code == 409 else {
                Issue.record("\(error)")
                return
            }
        }
    }
}
