import CheckModel
import JSON

extension AgentReply {
    /// Decodes an HTTP answer to `call`. A 200 with an unexpected body is a failure, never an empty list.
    package init(to call: AgentCall, status: Int, body: [UInt8]) {
        if status == 304, case .wait = call {
            self = .unchanged
            return
        }
        guard status == 200 else {
            self = .failed(.status(status, text: Self.firstLine(body)))
            return
        }
        do throws(CheckModelError) {
            switch call {
            case .version: self = Self.version(body)
            case .status, .extraHeartbeat, .departure:
                let answer = try NodeStatusAnswer(parsing: body)
                self = .status(
                    isUpToDate: answer.isUpToDate, handingOver: answer.handingOver,
                    asksForRunning: answer.asksForRunning, resultsVersion: answer.resultsVersion)
            case .configs, .wait, .endpointsConfigs: self = try Self.configs(body)
            }
        } catch {
            self = .failed(.malformed(error.description))
        }
    }

    private static func version(_ body: [UInt8]) -> AgentReply {
        guard let version = try? JSONValue(parsing: body), let major = version["Major"]?.integerValue else {
            return .failed(.malformed("version: it has no integer `Major`"))
        }
        let minor = version["Minor"]?.integerValue ?? 0
        let patch = version["Patch"]?.integerValue ?? 0
        return .version("\(major).\(minor).\(patch)")
    }

    private static func configs(_ body: [UInt8]) throws(CheckModelError) -> AgentReply {
        let answer = try ConfigsAnswer(parsing: body)
        // An agent that reported −1 would only ever send heartbeats, and never fetch its configs again.
        guard answer.lastChange != NodeStatusRequest.heartbeatOnly else {
            return .failed(.malformed("configs answer: last_change is -1, which means a heartbeat"))
        }
        return .configs(lastChange: answer.lastChange, configs: answer.configs.map(AssignedConfig.init))
    }

    /// What a refusal says: the first line of its body, at most 200 bytes of it.
    static func firstLine(_ body: [UInt8]) -> String {
        let line = body.prefix { $0 != 0x0A && $0 != 0x0D }
        return String(decoding: line.prefix(200), as: UTF8.self)
    }
}
