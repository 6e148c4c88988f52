import Platform
import Testing

@testable import Kubernetes

@Suite struct ListCodingTests {
    private static func page(_ text: String) throws -> ObjectPage<Service> {
        try decode(ObjectPage<Service>.self, from: Array(text.utf8), place: "GET /api/v1/services")
    }

    @Test func `a page has its version, items and continuation`() throws {
        let page = try Self.page(
            """
            {"kind":"ServiceList","apiVersion":"v1","metadata":{"resourceVersion":"9","continue":"c","remainingItemCount":3},
            "items":[{"metadata":{"name":"a","resourceVersion":"1"}},{"metadata":{"name":"b","resourceVersion":"2"}}]}
            """)
        #expect(page.resourceVersion == "9")
        #expect(page.continuation == "c")
        #expect(page.items.map(\.name) == ["a", "b"])
    }

    @Test(arguments: ["null", "[]"])
    func `items may be null`(items: String) throws {
        let page = try Self.page(#"{"metadata":{"resourceVersion":"9","continue":""},"items":\#(items)}"#)
        #expect(page.items.isEmpty)
        #expect(page.continuation == nil)
    }

    @Test(arguments: [
        "{}", #"{"metadata":{}}"#, #"{"metadata":{"resourceVersion":"1"}}"#, #"{"items":[]}"#,
        #"{"metadata":{"resourceVersion":"1"},"items":[{}]}"#,
        #"{"kind":"Status","metadata":{"resourceVersion":"1"}}"#,
        #"{"metadata":{"resourceVersion":""},"items":[]}"#, #"{"metadata":{"resourceVersion":"0"},"items":[]}"#,
    ])
    func `what is not a list is never an empty one`(text: String) {
        #expect(throws: KubernetesError.self) { try Self.page(text) }
    }

    @Test func `an error names the item`() {
        do throws(KubernetesError) {
            _ = try decode(
                ObjectPage<Service>.self,
                from: Array(#"{"metadata":{"resourceVersion":"1"},"items":[{"metadata":{}}]}"#.utf8), place: "p")
            Issue.record("it was read")
        } catch {
            #expect(error == .malformed(place: "p", reason: "items[0].metadata.name is missing"))
        }
    }
}
