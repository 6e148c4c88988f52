import CheckModel
import Testing

@testable import NodeAgent

@Suite struct AgentReplyTests {
    @Test func `a version needs only a major number`() {
        let full = #"{"Major":7,"Minor":60,"Patch":1,"Pre":"","Meta":"","Commit":"abc"}"#
        #expect(reply(.version, full) == .version("7.60.1"))
        #expect(reply(.version, #"{"Major":1}"#) == .version("1.0.0"))
    }

    @Test func `the status answer says whether the node is up to date`() {
        #expect(reply(.status(lastChange: 0), #"{"isuptodate":true}"#) == .status(isUpToDate: true))
        #expect(reply(.status(lastChange: 0), #"{"isuptodate":false}"#) == .status(isUpToDate: false))
    }

    @Test func `configs keep their bytes and get their check IDs`() {
        // §2.3's vector: redisdb with init_config {} and a YAML instance.
        let instance = Array("host: 10.0.0.1\nport: 6379\n".utf8)
        let body = ConfigsAnswer.wire(
            lastChange: 3, [WireConfig(checkName: "redisdb", instances: [instance], initConfig: Array("{}".utf8))])
        let expected = AssignedConfig(
            checkName: "redisdb",
            instances: [
                AssignedInstance(
                    id: "redisdb:ba4e8ea36172404a", checkName: "redisdb", instance: instance,
                    initConfig: Array("{}".utf8))
            ])
        #expect(AgentReply(to: .configs, status: 200, body: body) == .configs(lastChange: 3, configs: [expected]))
    }

    @Test func `an empty list of configs is accepted`() {
        #expect(reply(.configs, #"{"last_change":0,"configs":[]}"#) == .configs(lastChange: 0, configs: []))
    }

    @Test(arguments: [
        (AgentCall.version, "{}"), (.version, ""), (.version, "<html>"), (.version, #"{"Major":"7"}"#),
        (.status(lastChange: 1), ""), (.status(lastChange: 1), "{}"), (.status(lastChange: 1), #"{"isuptodate":1}"#),
        (.configs, ""), (.configs, "[]"), (.configs, "null"), (.configs, #"{"last_change":1}"#),
        (.configs, #"{"last_change":1,"configs":null}"#), (.configs, #"{"configs":[]}"#),
        (.configs, #"{"last_change":-1,"configs":[]}"#), (.configs, #"{"last_change":1,"configs":[{}]}"#),
        (.configs, #"{"last_change":1,"configs":[{"check_name":"a","instances":["%"]}]}"#),
        (.configs, #"{"last_change":1,"configs":[]"#), (.endpointsConfigs, "{}"),
    ]) func `a malformed 200 is a failure and never an empty list`(_ call: AgentCall, _ body: String) {
        guard case .failed(.malformed) = reply(call, body) else {
            Issue.record("\(call) took \(body)")
            return
        }
    }

    @Test(arguments: [400, 401, 403, 404, 500, 503, 508, 204, 302])
    func `any other status is a failure with its first line`(_ status: Int) {
        let body = Array("no such thing\nsecond line".utf8)
        for call in [AgentCall.version, .status(lastChange: 0), .configs, .endpointsConfigs] {
            #expect(
                AgentReply(to: call, status: status, body: body) == .failed(.status(status, text: "no such thing")))
        }
    }

    @Test func `a refused token says what to compare`() {
        #expect(AgentFailure.status(403, text: "invalid").description.contains("cluster_agent.auth_token"))
    }

    private func reply(_ call: AgentCall, _ body: String) -> AgentReply {
        AgentReply(to: call, status: 200, body: Array(body.utf8))
    }
}

extension ConfigsAnswer {
    /// A body with these configs.
    static func wire(lastChange: Int64, _ configs: [WireConfig]) -> [UInt8] {
        let items = configs.map { String(decoding: $0.encoded(), as: UTF8.self) }.joined(separator: ",")
        return Array("{\"last_change\":\(lastChange),\"configs\":[\(items)]}".utf8)
    }
}
