import HTTPServer
import Platform

extension SharedToken {
    /// Keeps `tokens` what the file says, until cancelled.
    func follow(into tokens: BearerTokens, clock: any Clock, log: Log) async {
        var (current, problem) = (text, FileError?.none)
        while (try? await clock.sleep(until: clock.now() + .seconds(2))) != nil {
            guard case .file(let file) = self else { continue }
            if !file.text.hasSameBytes(as: current) {
                current = file.text
                tokens.replace(with: current, now: clock.now())
                log.info("the token changed", ["file": file.path])
            }
            if let found = file.problem, found != problem {
                log.warning("the token file cannot be used; the last good token stays", ["problem": found])
            }
            problem = file.problem
        }
    }
}

extension BearerTokens {
    /// Replaces the token whenever `newest` says another one, until cancelled. An empty text is none.
    func follow(every interval: Duration, clock: any Clock, _ newest: () -> String) async {
        var current = newest()
        while (try? await clock.sleep(until: clock.now() + interval)) != nil {
            let token = newest()
            guard !token.isEmpty, !token.hasSameBytes(as: current) else { continue }
            current = token
            replace(with: token, now: clock.now())
        }
    }
}
