/// Secrets that their own form gives away, wherever they stand: keys and certificates in PEM, API keys and application
/// keys of 32 and 40 hexadecimal digits, tokens with the prefix of the one who gave them, and JSON Web Tokens.
enum SecretForms {
    static func secrets(in bytes: [UInt8]) -> [Range<Int>] {
        let blocks = pemBodies(in: bytes)
        guard let first = blocks.first else { return tokens(in: bytes, 0..<bytes.count) }
        var found = tokens(in: bytes, 0..<first.lowerBound)
        for (index, block) in blocks.enumerated() {
            found.append(block)
            let next = index + 1 < blocks.count ? blocks[index + 1].lowerBound : bytes.count
            found += tokens(in: bytes, block.upperBound..<next)
        }
        return found
    }

    /// What is between the labels. A private key without an end goes to the end of the text; anything else without one
    /// is no block.
    private static func pemBodies(in bytes: [UInt8]) -> [Range<Int>] {
        var bodies: [Range<Int>] = []
        var rest = 0
        while let begin = SecretText.firstIndex(of: "-----BEGIN ", in: bytes, from: rest) {
            let label = begin + 11
            guard let close = SecretText.firstIndex(of: "-----", in: bytes, from: label) else { break }
            let start = close + 5
            let end = SecretText.firstIndex(of: "-----END ", in: bytes, from: start)
            let isPrivate = bytes[..<close].suffix(11).elementsEqual("PRIVATE KEY".utf8)
            guard end != nil || isPrivate else { break }
            bodies.append(start..<(end ?? bytes.count))
            rest =
                end.map { SecretText.firstIndex(of: "-----", in: bytes, from: $0 + 9).map { $0 + 5 } ?? bytes.count }
                ?? bytes.count
        }
        return bodies.filter { !$0.isEmpty }
    }

    /// Prefixes of tokens: Datadog's application keys and remote configuration; GitHub, GitLab, Slack, Stripe, OpenAI,
    /// Anthropic, AWS, Google, SendGrid, npm, PyPI, HashiCorp Vault, DigitalOcean, Shopify; a JSON Web Token's `{"`.
    private static let prefixes = [
        "ddapp_", "DDRCM_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "xoxa-",
        "xoxs-", "xapp-", "sk_live_", "rk_live_", "sk-proj-", "sk-ant-", "AKIA", "ASIA", "AIza", "SG.", "npm_", "pypi-",
        "hvs.",
        "dop_v1_", "shpat_", "eyJ",
    ]

    private static func tokens(in bytes: [UInt8], _ range: Range<Int>) -> [Range<Int>] {
        var found: [Range<Int>] = []
        var index = range.lowerBound
        while index < range.upperBound {
            let end = bytes[index..<range.upperBound].firstIndex { !isToken($0) } ?? range.upperBound
            found += secrets(inToken: bytes[index..<end])
            index = max(end, index + 1)
        }
        return found
    }

    /// What a token is made of. A slash and a `+` are not, so that a path falls into its segments.
    private static func isToken(_ byte: UInt8) -> Bool {
        SecretText.isWord(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
    }

    private static func secrets(inToken token: ArraySlice<UInt8>) -> [Range<Int>] {
        // The shortest prefix and 16 characters.
        guard token.count >= 19 else { return [] }
        // Words that only begin so (`npm_registry_requests_total`) have no digits and no capitals.
        let isMixed =
            token.contains { (0x30...0x39).contains($0) } && token.contains { (0x41...0x5A).contains($0) || $0 == 0x2D }
        if isMixed || ["dd", "DD"].contains(where: { token.starts(with: $0.utf8) }),
            prefixes.contains(where: { token.starts(with: $0.utf8) && token.count >= $0.utf8.count + 16 })
        {
            return [token.startIndex..<token.endIndex]
        }
        return token.split { !SecretText.isWord($0) }.filter(isKey).map { $0.startIndex..<$0.endIndex }
    }

    private static func isKey(_ word: ArraySlice<UInt8>) -> Bool {
        func isHexadecimal(_ byte: UInt8) -> Bool {
            (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
        }
        return (word.count == 32 || word.count == 40) && word.allSatisfy(isHexadecimal)
    }
}
