import CheckModel
import Platform

/// The command line of `cluster-agent`.
package enum Command {
    /// The version of this program.
    package static let version = "0.1.0"

    /// Runs the command that `arguments` (without the program's name) ask for, until it ends.
    ///
    /// - Returns: the exit code, as `Program` defines it.
    package static func run(_ arguments: [String]) async -> Int32 {
        let program = Program(
            name: "cluster-agent", version: version,
            summary: "cluster-agent finds cluster checks and spreads them over node-agents.", table: AgentOptions.table,
            commands: OperatorCommands.all, scrub: { Scrubbing.scrubbed($0) },
            readFile: { path throws(OptionError) in try OptionFile.entries(of: path) })
        return await program.main(arguments) { context throws(StartError) in
            let agent = try ClusterAgentProcess(
                options: context.options, environment: context.environment, clock: context.clock,
                entropy: SystemEntropy(), log: context.log)
            return try await agent.run(until: context.stop)
        }
    }
}
