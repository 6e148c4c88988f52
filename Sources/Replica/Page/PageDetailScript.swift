extension Page {
    /// One check's detail, in a dialog with an address of its own (`#check=…`), which the back button and Esc close.
    static let detailScript = #"""
        const detail = { id: null, answer: null, said: "", why: "", asked: 0 };
        const dialog = byId("detail");

        const wellFormed = (text) => text.toWellFormed ? text.toWellFormed() : text;
        function openDetail(id) {
          history.pushState({ opened: true }, "", `#check=${encodeURIComponent(wellFormed(id))}`);
          route();
        }
        function closeDetail() {
          if (history.state?.opened) history.back();
          else {
            history.replaceState(null, "", location.pathname);
            route();
          }
        }
        // Shows what the address asks for.
        function route() {
          let id = null;
          if (location.hash.startsWith("#check=")) {
            try {
              id = decodeURIComponent(location.hash.slice("#check=".length));
            } catch {
              id = null;
            }
          }
          if (!picture || !id) {
            forgetDetail();
            return;
          }
          if (detail.id === id) return;
          forgetDetail();
          detail.id = id;
          byId("detail-title").replaceChildren(isolated(id, 10000, "id"));
          renderDetail();
          dialog.showModal();
          dialog.scrollTop = 0;
          byId("detail-title").focus();
          askDetail();
        }
        function forgetDetail() {
          Object.assign(detail, { id: null, answer: null, said: "", why: "", asked: 0 });
          if (dialog.open) dialog.close();
          byId("detail-title").replaceChildren();
          byId("detail-body").replaceChildren();
        }

        async function askDetail() {
          const { id } = detail;
          const mine = session;
          detail.asked = Date.now();
          try {
            const answer = await call(mine,
              `/api/v1/clusterchecks/explain/check/${encodeURIComponent(wellFormed(id))}`, 15000);
            if (session !== mine || detail.id !== id) return;
            if (answer.status === 401 || answer.status === 403) return refuse();
            detail.why = "";
            if (answer.status === 200) Object.assign(detail, { answer: JSON.parse(answer.text), said: "" });
            else if (answer.status === 404) Object.assign(detail,
              { answer: null, said: "There is no such check any more." });
            else Object.assign(detail, { said: "The server does not explain this check now. It says: ",
              why: messageIn(answer) });
          } catch {
            if (session !== mine || detail.id !== id) return;
            Object.assign(detail, { said: "No word from the server about this check; trying again.", why: "" });
          }
          renderDetail();
        }
        // Asks again when there is another picture, but not all the time.
        function refreshDetail() {
          if (detail.id === null) return;
          renderDetail();
          if (Date.now() - detail.asked > 5000) askDetail();
        }

        const pair = (label, ...values) => [element("dt", { text: label }), element("dd", {}, ...values)];
        const sentence = (text) => text ? text.charAt(0).toUpperCase() + text.slice(1) : text;

        function drawOutcome(check, result) {
          if (!check) return [element("p", { text: "This check is not in the picture." })];
          const kind = asText(result.kind);
          const reason = check.error || asText(result.reason);
          return [element("p", {}, stateTag(check.state), " ",
            ...(isTime(check.since) ? ["since ", time(check.since)] : [])),
            ...(reason ? [element("p", {}, ...(kind && !reason.startsWith(kind) ? [isolated(kind, 100), ": "] : []),
              isolated(reason, 10000))] : [])];
        }
        function drawPairs(check, answer) {
          const rows = [];
          const source = asText(answer?.source) || asText(answer?.definition?.source) || check?.source || "";
          if (source) rows.push(...pair("Source", isolated(source, 10000)));
          const node = check ? check.node?.id : answer?.node;
          rows.push(...pair("Node", node ? isolated(node, 10000) : muted("none")));
          const result = answer?.result ?? {};
          const success = check?.success
            ?? (Number.isFinite(result.succeeded) ? picture.now - result.succeeded * 1000 : null);
          rows.push(...pair("Last success", time(success, "never seen")));
          const took = check?.took ?? result.took_ms;
          if (Number.isFinite(took)) rows.push(...pair("Last run took", `${amount(took)} ms`));
          if (answer?.reason) rows.push(...pair(node ? "Why it is there" : "Why it runs nowhere",
            isolated(sentence(answer.reason), 10000)));
          const eligible = answer?.eligible ?? answer?.eligible_nodes;
          if (Number.isFinite(eligible)) rows.push(...pair("May run on", plural(eligible, "node", "nodes")));
          if (Number.isFinite(answer?.cost)) {
            rows.push(...pair("Cost", decimal(answer.cost), ...(answer.cost_known_from
              ? [muted(" from ", isolated(answer.cost_known_from))] : [])));
          }
          const stays = asList(answer?.stays_because);
          if (stays.length) rows.push(...pair("Stays because",
            ...stays.slice(0, 20).map((why) => element("div", {}, isolated(why)))));
          if (answer?.next_node) rows.push(...pair("If its node leaves", isolated(answer.next_node)));
          return [element("dl", { class: "pairs" }, ...rows)];
        }
        function drawObstacles(obstacles) {
          if (!obstacles.length) return [];
          const lines = obstacles.slice(0, 100).map((obstacle) => element("li", {}, isolated(obstacle?.node), ": ",
            isolated(obstacle?.reason)));
          return [element("h3", { text: "Nodes that may not run it" }),
            element("ul", { class: "obstacles" }, ...lines)];
        }
        const configText = (config) =>
          visibleLines(cut(typeof config === "string" ? config : JSON.stringify(config, null, 2), 100000));

        // The parts of the detail, each of which is drawn again only when what it shows has changed.
        function renderDetail() {
          if (detail.id === null) return;
          const check = picture.byId.get(detail.id);
          const { answer, said, why } = detail;
          const hasConfig = answer?.definition !== undefined && answer?.definition !== null;
          const parts = [
            ["said", `${said}${why}`, () => [element("p", { class: "outcome warn" }, said, isolated(why, 1000))]],
            ["outcome", JSON.stringify([check?.state, check?.since, check?.error, answer?.result?.kind,
              answer?.result?.reason]),
              () => [element("div", { class: `outcome ${check ? states[check.state].tone : ""}` },
                ...drawOutcome(check, answer?.result ?? {}))]],
            ["pairs", JSON.stringify([check?.source, check?.node?.id, check?.success, check?.took,
              { ...answer, definition: 0, strip: 0 }]),
              () => drawPairs(check, answer)],
            ["strip", answer ? JSON.stringify(answer.strip ?? null) : "",
              () => [element("h3", { text: "Last 24 hours" }),
              ...drawStrip(answer.strip)]],
            ["obstacles", JSON.stringify(asList(answer?.obstacles)), () => drawObstacles(asList(answer?.obstacles))],
            ["config", hasConfig ? JSON.stringify(answer.definition) : "", () => [element("h3", { id: "config-title",
              text: "Config, with secrets masked" }),
                element("pre", { tabindex: "0", role: "region", "aria-labelledby": "config-title",
              text: configText(answer.definition) })]],
            ["loading", answer || said ? "" : "yes",
              () => [element("p", { class: "muted", text: "Asking the server…" })]],
          ];
          const body = byId("detail-body");
          for (const [name, what, draw] of parts) {
            let part = body.querySelector(`[data-part="${name}"]`);
            if (!part) {
              part = element("div", { "data-part": name });
              body.append(part);
            }
            if (part.shown === what) continue;
            part.shown = what;
            part.replaceChildren(...(what === "" ? [] : draw()));
          }
        }
        """#
}
