import Glibc
import NodeAgent

exit(await Command.run(Array(CommandLine.arguments.dropFirst())))
