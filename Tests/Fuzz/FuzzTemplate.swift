import CheckModel
import JSON

#if canImport(AutoConf)
    @testable import AutoConf
#endif

private let environment = Environment(
    ["NAME": "value", "NUMBER": "0x1F", "FLAG": "True", "PERCENT": "%%host%%", "EMPTY": ""], options: AutoConfOptions())

private let addresses = ["10.96.0.20", "fd00::1", "web.example"]

/// Resolves a text, whose first byte chooses the address, and compares with a resolver that is as simple as can be.
/// Brackets around an address of IPv6 apart, both must give the same. Then it resolves the text as JSON, if it is: keys
/// must stay.
func fuzzTemplate(_ input: [UInt8]) {
    guard let first = input.first, let text = String(validating: input.dropFirst(), as: UTF8.self) else { return }
    let address = addresses[Int(first) % addresses.count]
    let variables = TargetVariables(
        .service, address: .success(address),
        ports: [TargetPort(number: 9102, name: "metrics"), TargetPort(number: 80, name: "http")],
        environment: environment)
    let expected = Result { try simplyResolved(text, variables) }
    switch (Result { try Template(text).resolved(variables) }, expected) {
    case (.success(let value), .success(let simple)):
        let isSame = withoutBrackets(value, address) == withoutBrackets(simple, address)
        precondition(isSame, "\(value) is not \(simple)")
    case (.failure, .failure): break
    case (let value, let simple): fatalError("\(value) is not \(simple)")
    }
    if let json = try? JSONValue(parsing: text), let resolved = try? json.resolved(variables) {
        precondition(shape(of: json) == shape(of: resolved), "keys and structure stay")
    }
}

/// The text cut at each `%%`: a part between two of them, if it is not empty and has no line feed, is a variable.
private func simplyResolved(_ text: String, _ variables: TargetVariables) throws -> JSONValue {
    var parts: [[UInt8]] = [[]]
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
        if byte == UInt8(ascii: "%"), rest.first == byte {
            rest.removeFirst()
            parts.append([])
        } else {
            parts[parts.count - 1].append(byte)
        }
    }
    var output = parts[0]
    var values: [TemplateValue] = []
    var index = 1
    while index < parts.count {
        let part = parts[index]
        guard index + 1 < parts.count, !part.isEmpty, !part.contains(UInt8(ascii: "\n")) else {
            output += Array("%%".utf8) + part
            index += 1
            continue
        }
        let content = String(decoding: part, as: UTF8.self)
        var name = content
        var parameter: String?
        if let underscore = part.dropFirst().firstIndex(of: UInt8(ascii: "_")), underscore + 1 < part.count {
            name = String(decoding: part[..<underscore], as: UTF8.self)
            parameter = String(decoding: part[(underscore + 1)...], as: UTF8.self)
        }
        let value = try variables.value(of: name, parameter)
        if name == "port" { precondition(value == port(parameter).map { .port($0) }, "\(content) is \(value)") }
        values.append(value)
        switch value {
        case .host(let host): output += Array(host.utf8)
        case .port(let port): output += Array(String(port).utf8)
        case .environment(let value): output += Array(value.utf8)
        case .literal: fatalError("only files have literals")
        }
        output += parts[index + 1]
        index += 2
    }
    let isOne = values.count == 1 && parts.count == 3 && parts[0].isEmpty && parts[2].isEmpty
    switch (isOne, values.first) {
    case (true, .port(let port)): return .integer(Int64(port))
    case (true, .environment("0x1F")): return .integer(31)
    case (true, .environment("True")): return .bool(true)
    default: return .string(String(decoding: output, as: UTF8.self))
    }
}

/// The port that the part behind `port_` means: the highest, or the one of an index or of a name.
private func port(_ parameter: String?) -> Int? {
    switch parameter.flatMap({ Int($0) }) {
    case 0: 80
    case 1: 9102
    case .some: nil
    case nil: [nil: 9102, "metrics": 9102, "http": 80][parameter]
    }
}

private func withoutBrackets(_ value: JSONValue, _ address: String) -> [UInt8] {
    guard let text = value.stringValue else { return value.encoded() }
    var output: [UInt8] = []
    var rest = Array(text.utf8)[...]
    let bracketed = Array("[\(address)]".utf8)
    while let byte = rest.first {
        if rest.starts(with: bracketed) {
            output += Array(address.utf8)
            rest = rest.dropFirst(bracketed.count)
        } else {
            output.append(byte)
            rest.removeFirst()
        }
    }
    return output
}

private func shape(of json: JSONValue) -> JSONValue {
    switch json {
    case .array(let elements): .array(elements.map(shape))
    case .object(let members): .object(members.mapValues(shape))
    default: .null
    }
}
