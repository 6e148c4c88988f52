// A libFuzzer entry for the JSON parser and encoder; the seeded fuzz test in CheckModelTests runs with every `swift test`, this for as long as
// one likes. From the root of the repository:
//
//   swiftc -O -wmo -package-name cluster-agent -parse-as-library -sanitize=fuzzer,address \
//       Sources/CheckModel/JSON*.swift Tests/Fuzz/FuzzJSON.swift -o /tmp/fuzz-json && /tmp/fuzz-json -max_total_time=60

/// Parses the input; what is JSON must encode to JSON that parses to what encodes alike.
@c(LLVMFuzzerTestOneInput)
public func fuzzJSON(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    guard let value = try? JSON(parsing: input) else { return 0 }
    let encoded = value.encoded()
    guard let again = try? JSON(parsing: encoded) else { fatalError("does not parse what was encoded") }
    precondition(again.encoded() == encoded, "encodes otherwise the second time")
    return 0
}
