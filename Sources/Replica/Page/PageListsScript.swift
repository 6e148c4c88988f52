extension Page {
    /// What fails, what runs nowhere, what is wrong, and what changed.
    static let listsScript = #"""
        const checkColumn = { label: "Check", of: (check) => check.id, draw: (check) => drawCheck(check.id) };
        const sourceColumn = { label: "Source", of: (check) => check.source,
          draw: (check) => drawSource(check.source) };
        const nodeColumn = {
          label: "Node", of: (check) => check.node?.id ?? "",
          draw: (check) => check.node ? [isolated(check.node.id)] : [muted("none")],
        };
        const errorColumn = {
          label: "Reason", of: (check) => check.error,
          draw: (check) => check.error ? [isolated(check.error)] : [muted("–")],
        };
        const sinceColumn = { label: "Since", of: (check) => String(check.since),
          draw: (check) => [time(check.since)] };
        const successColumn = {
          label: "Last success", of: (check) => String(check.success),
          draw: (check) => [time(check.success, "never seen")],
        };

        const failingTable = new PagedTable("failing",
          [{ ...sourceColumn, heads: true }, checkColumn, nodeColumn, errorColumn, sinceColumn, successColumn],
          (check) => check.id);
        // What broke last is first: it is why somebody was woken.
        const newest = (one, other) => (other.since ?? 0) - (one.since ?? 0) || byText(one.id, other.id);
        function renderFailing() {
          const items = picture.checks.filter((check) => check.state === "down").sort(newest);
          for (const item of items) item.opens = item.id;
          setCount("failing", picture.failing, "bad");
          failingTable.update(items, picture.failing ? "What fails is not listed in this picture."
            : picture.total ? "✓ Nothing fails." : "There is no check.");
        }
        function setCount(name, count, tone) {
          setText(byId(`${name}-count`), amount(count));
          setClass(byId(`${name}-count`), `count ${count ? tone : ""}`);
        }

        const warningTag = (sign, word, tone) => [element("span", { class: `tag ${tone}` },
          element("span", { "aria-hidden": "true", text: `${sign} ` }), word)];
        const problemsTable = new PagedTable("problems", [
          { label: "What", heads: true, of: (item) => item.what,
            draw: (item) => item.what === "nowhere" ? [stateTag("unassigned")]
            : item.what === "error" ? warningTag("✕", "wrong config", "bad") : warningTag("!", "warning", "warn") },
          { label: "Object", of: (item) => item.name, draw: (item) => item.opens
            ? [...drawCheck(item.name), element("div", { class: "muted" }, ...drawSource(item.source))]
              : drawSource(item.name) },
          { label: "Reason", of: (item) => `${item.keeps} ${item.reason}`, draw: (item) => [isolated(item.reason, 2000),
            ...(item.keeps ? [element("div", { class: "muted", text: "The last good config still runs." })] : [])] },
          { label: "Since", of: (item) => String(item.since), draw: (item) => [time(item.since)] },
        ], (item) => `${item.what} ${item.name} ${item.reason}`);
        const problemsNote = element("p", { class: "muted small" });
        problemsTable.pager.after(problemsNote);
        function renderProblems() {
          const nowhere = picture.checks.filter((check) => check.state === "unassigned").map((check) => ({
            what: "nowhere", name: check.id, source: check.source, reason: check.error, since: check.since,
            opens: check.id }));
          const wrong = picture.problems.map((problem) => ({
            what: problem?.severity === "warning" ? "warning" : "error", name: asText(problem?.object),
            reason: asText(problem?.reason), since: Date.parse(problem?.since), keeps: problem?.keeps_last === true }));
          const items = [...nowhere, ...wrong.filter((one) => one.what === "error"),
            ...wrong.filter((one) => one.what !== "error")];
          const all = picture.nowhere + picture.problemCount;
          setCount("problems", all, picture.nowhere || wrong.some((one) => one.what === "error") ? "bad" : "warn");
          setText(problemsNote, all > items.length && items.length
            ? `${amount(items.length)} of ${amount(all)} are listed.` : "");
          problemsTable.update(items, all ? "They are not listed in this picture."
            : picture.total ? "✓ Every config runs somewhere, and none is wrong." : "✓ No config is wrong.");
        }

        const kinds = {
          added: ["config added"], changed: ["config changed"], removed: ["config removed"], moved: ["moved"],
          dangles: ["runs nowhere", "bad"], joined: ["node joined"], condition: ["condition", "warn"],
          left: ["node left", "warn"],
          returned: ["node returned"], lost: ["node lost", "bad"], intent: ["operator wants"], leader: ["new leader"],
          operator: ["operator called"],
        };
        const drawKind = (kind) => {
          const [word, tone] = Object.hasOwn(kinds, kind) ? kinds[kind] : [isolated(kind, 40)];
          return element("span", { class: `tag ${tone ?? ""}` }, word);
        };
        // The part of a config's key that people know: where it comes from.
        function configSource(config) {
          const key = config.split("#")[0];
          const inner = /^[a-z_]+:([a-z_]+:\/\/.*)$/s.exec(key);
          return inner ? inner[1] : key;
        }
        const isOfNode = (entry) => !entry.check && !entry.config && entry.kind !== "operator";
        function drawWhere(entry) {
          if (entry.kind === "operator") return entry.node ? ["from ", isolated(entry.node)] : [];
          if (isOfNode(entry)) return [];
          if (entry.kind === "moved") {
            return [...(entry.from ? [isolated(entry.from)] : [muted("nowhere")]),
              element("span", { class: "muted", "aria-label": "to", text: " → " }), isolated(entry.node)];
          }
          return entry.node ? [isolated(entry.node)] : [];
        }
        const historyTable = new PagedTable("history", [
          { label: "When", heads: true, of: (entry) => String(entry.at), draw: (entry) => [time(entry.at)] },
          { label: "Kind", of: (entry) => entry.kind, draw: (entry) => [drawKind(entry.kind)] },
          { label: "What", of: (entry) =>
            `${!!entry.opens} ${entry.check} ${entry.config} ${isOfNode(entry) ? entry.node : ""}`,
            draw: (entry) => isOfNode(entry) ? [isolated(entry.node)] : [
              ...(entry.check ? entry.kind === "operator" ? [isolated(entry.check)] : drawCheck(entry.check) : []),
              ...(entry.config ? [element("div", { class: "muted" }, ...drawSource(configSource(entry.config)))]
                : [])] },
          { label: "Where", of: (entry) => isOfNode(entry) ? "" : `${entry.from} ${entry.node}`.trim(),
            draw: drawWhere },
          { label: "Reason", of: (entry) => entry.reason,
            draw: (entry) => entry.reason ? [isolated(entry.reason)] : [] },
        ], (entry) => [entry.at, entry.kind, entry.check, entry.config, entry.from, entry.node, entry.reason].join(" "), 15);

        const readEntry = (entry) => ({ at: entry?.time_ms, kind: asText(entry?.kind), check: asText(entry?.check),
          config: asText(entry?.config), from: asText(entry?.from), node: asText(entry?.node),
          reason: asText(entry?.reason),
          opens: picture.byId.has(entry?.check) ? entry.check : null });
        function renderHistory() {
          const wanted = byId("history-kind").value;
          const items = picture.history.map(readEntry).filter((entry) => !wanted || entry.kind === wanted);
          setCount("history", items.length, "");
          historyTable.update(items, wanted ? "Nothing of this kind in the last hour."
            : "Nothing changed in the last hour.");
        }
        for (const [kind, [word]] of Object.entries(kinds)) {
          byId("history-kind").append(element("option", { value: kind, text: word }));
        }
        byId("history-kind").addEventListener("change", () => {
          historyTable.from = 0;
          if (picture) renderHistory();
        });
        """#
}
