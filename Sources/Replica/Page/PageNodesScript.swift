extension Page {
    /// The nodes, worst first.
    static let nodesScript = #"""
        const agentKinds = { agent: "node agent", runner: "cluster check runner", prometheus: "Prometheus" };
        // An agent speaks every few seconds; a Prometheus only as often as it asks what to scrape.
        const isSilent = (node) => node.silent > (node.kind === "prometheus" ? 180000 : 20000);
        const isAiling = (node) => node.conditions.length > 0 || isSilent(node);
        const loadOf = (node) => Number.isFinite(node.load) ? node.load : -1;
        const worseNode = (one, other) => isAiling(other) - isAiling(one) || other.failing - one.failing
          || loadOf(other) - loadOf(one) || other.cost - one.cost || byText(one.id, other.id);

        let greatestCost = 0;
        function drawLoad(node) {
          const hasLoad = Number.isFinite(node.load);
          const part = hasLoad ? node.load : greatestCost > 0 ? node.cost / greatestCost : 0;
          const fill = element("div", { class: hasLoad && node.load >= 0.9 ? "fill warn" : "fill" });
          fill.style.width = `${Math.max(0, Math.min(100, part * 100))}%`;
          const cost = `cost ${decimal(node.cost)}${Number.isFinite(node.capacity) ? ` of ${decimal(node.capacity)}` : ""}`;
          return [element("div", { class: "load" }, element("div", { class: "track", "aria-hidden": "true" }, fill),
            element("span", {}, hasLoad ? `${Math.round(node.load * 100)} % ` : "", muted(cost)))];
        }
        const nodesTable = new PagedTable("nodes", [
          { label: "Node", heads: true, of: (node) => `${node.id} ${node.pod} ${node.address}`,
            draw: (node) => [isolated(node.id),
            ...(node.pod || node.address ? [element("span", { class: "kind" }, isolated(node.pod || node.address))]
              : [])] },
          { label: "Agent", of: (node) => node.kind,
            draw: (node) => [Object.hasOwn(agentKinds, node.kind) ? agentKinds[node.kind] : isolated(node.kind, 40)] },
          { label: "Load", of: (node) =>
            `${node.load} ${node.cost} ${node.capacity} ${Number.isFinite(node.load) || greatestCost}`,
            draw: drawLoad },
          { label: "Checks", of: (node) => `${node.checks} ${node.failing}`, draw: (node) => [amount(node.checks),
            ...(node.failing ? [" ", element("span", { class: "tag bad", text: `✕ ${amount(node.failing)} failing` })]
              : [])] },
          { label: "Condition", of: (node) => `${node.conditions.join("\n")} ${isSilent(node)}`,
            draw: (node) => {
              const tags = node.conditions.slice(0,
                8).map((name) => element("span", { class: "tag warn" }, "! ", isolated(name, 60)));
              if (isSilent(node)) tags.unshift(element("span", { class: "tag bad", text: "✕ silent" }));
              return tags.length ? tags : [muted("✓ none")];
            } },
          { label: "Last heard", of: (node) => `${picture.now} ${node.silent}`,
            draw: (node) => [time(Number.isFinite(node.silent) ? picture.now - node.silent : null)] },
        ], (node) => node.id, 12);
        function renderNodes() {
          greatestCost = picture.nodes.reduce((most, node) => Math.max(most, node.cost), 0);
          const items = picture.nodes.slice().sort(worseNode);
          setCount("nodes", items.length, "");
          nodesTable.update(items, "No node has reported.");
        }
        """#
}
