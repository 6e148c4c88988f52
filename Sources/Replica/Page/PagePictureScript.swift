extension Page {
    /// The picture: the server's answer, made into what the sections show. The only state besides what the person
    /// chose.
    static let pictureScript = #"""
        // States, worst first, each with a sign and a word beside its colour.
        const states = {
          down: { sign: "✕", word: "failing", tone: "bad", rank: 0 },
          unassigned: { sign: "!", word: "runs nowhere", tone: "bad", rank: 1 },
          stale: { sign: "~", word: "stale", tone: "warn", rank: 2 },
          unknown: { sign: "?", word: "not heard yet", tone: "warn", rank: 3 },
          up: { sign: "✓", word: "passing", tone: "good", rank: 4 },
        };
        const stateTag = (name) => element("span", { class: `tag ${states[name].tone}` },
          element("span", { "aria-hidden": "true", text: `${states[name].sign} ` }), states[name].word);

        let picture = null;
        // When the picture came, and when the server last said that it is still the same: by this browser's clock.
        let arrived = 0;
        let confirmed = 0;
        const serverNow = () => picture ? picture.now + (Date.now() - arrived) : Date.now();

        const asList = (value) => Array.isArray(value) ? value : [];
        const asText = (value) => typeof value === "string" ? value : value === null || value === undefined ? ""
          : String(value);
        const asCount = (value) => Number.isFinite(value) && value > 0 ? Math.floor(value) : 0;
        const byText = (one, other) => one < other ? -1 : one > other ? 1 : 0;

        function readCheck(row, nodes) {
          if (!Array.isArray(row)) throw new Error("a check is not a list");
          const [id, source, node, state, since, success, error, took] = row;
          const check = {
            id: asText(id), source: asText(source), node: Number.isInteger(node) ? nodes[node] ?? null : null,
            state: Object.hasOwn(states, state) ? state : "unknown", since, success, error: asText(error), took,
          };
          check.rank = states[check.state].rank;
          check.sought = `${check.id}\n${check.source}\n${check.node?.id ?? ""}\n${cut(check.error, 1000)}`.toLowerCase();
          return check;
        }

        function readNode(node) {
          return {
            id: asText(node?.id), kind: asText(node?.kind), pod: asText(node?.pod), address: asText(node?.address),
            conditions: asList(node?.conditions).map(asText), silent: node?.silent_ms, checks: asCount(node?.checks),
            cost: Number(node?.cost) || 0, capacity: node?.capacity, load: node?.load, failing: 0,
          };
        }

        // Makes the answer what the page shows. Throws if it is no picture: better none than one that says that all is
        // well.
        function readPicture(json) {
          if (typeof json?.version !== "string" || !isTime(json.now_ms) || !Array.isArray(json.checks)) {
            throw new Error("not a picture");
          }
          const nodes = asList(json.nodes).map(readNode);
          const checks = json.checks.map((row) => readCheck(row, nodes));
          checks.sort((one, other) => one.rank - other.rank || byText(one.id, other.id));
          const numbers = { down: 0, unassigned: 0, stale: 0, unknown: 0, up: 0 };
          for (const check of checks) {
            numbers[check.state] += 1;
            if (check.state === "down" && check.node) check.node.failing += 1;
          }
          const counts = json.counts ?? {};
          const problems = asList(json.problems);
          return {
            version: json.version, now: json.now_ms + asCount(json.age_ms), by: asText(json.answered_by),
              isLastKnown: json.is_last_known === true,
            age: asCount(json.age_ms), reason: asText(json.reason), leader: json.leader ?? null,
            replicas: asList(json.replicas), warmupLeft: json.warmup_left_s, contact: json.api_contact_ms,
            certificate: json.certificate_expires_ms, configs: asCount(counts.configs), nodes, checks,
            byId: new Map(checks.map((check) => [check.id, check])), problems,
            warnings: problems.filter((problem) => problem?.severity === "warning").length,
            problemCount: Math.max(problems.length, asCount(json.problem_count)),
            history: asList(json.history).slice().reverse(), total: checks.length,
            // Where the two differ the worse one counts.
            failing: Math.max(numbers.down, asCount(counts.failing)),
            nowhere: Math.max(numbers.unassigned, asCount(counts.dangling)),
            stale: Math.max(numbers.stale, asCount(counts.stale)),
            unknown: Math.max(numbers.unknown, asCount(counts.unknown)), numbers,
          };
        }

        // Where a config comes from, in two parts: what it is called, and what kind of object that is.
        const schemes = {
          kube_service: "Service", kube_endpoint_uid: "endpoint", kube_endpoint: "endpoint",
            cluster_check: "ClusterCheck",
          kubernetes_pod: "pod", file: "file",
        };
        function sourceParts(source) {
          const found = /^([a-z_]+):(?:\/\/)?(.+)$/s.exec(source);
          if (!found) return { name: source, kind: "" };
          return Object.hasOwn(schemes, found[1]) ? { name: found[2], kind: schemes[found[1]] }
            : { name: source, kind: "" };
        }
        function drawSource(source) {
          const parts = sourceParts(source);
          const name = isolated(parts.name || "–");
          return parts.kind ? [name, element("span", { class: "kind", text: parts.kind })] : [name];
        }
        """#
}
