import CheckModel
import Platform

/// The command line of `node-agent`.
package enum Command {
    /// The version of this program.
    package static let version = "0.1.0"

    /// Runs the command that `arguments` (without the program's name) ask for, until it ends.
    ///
    /// - Returns: the exit code, as `Program` defines it.
    package static func run(_ arguments: [String]) async -> Int32 {
        let program = Program(
            name: "node-agent", version: version,
            summary: "node-agent runs the checks that a cluster-agent assigns to it.",
            table: NodeAgentOptions.table, scrub: { Scrubbing.scrubbed($0) },
            readFile: { path throws(OptionError) in try OptionFile.entries(of: path) })
        return await program.main(arguments) { context throws(StartError) in
            let agent = try NodeAgentProcess(
                options: context.options, environment: context.environment, clock: context.clock, log: context.log)
            return try await agent.run(until: context.stop)
        }
    }
}
