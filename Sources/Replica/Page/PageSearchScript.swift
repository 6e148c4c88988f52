extension Page {
    /// The search over all checks.
    static let searchScript = #"""
        const checksTable = new WindowedTable("checks", [
          { label: "State", heads: true, of: (check) => check.state, draw: (check) => [stateTag(check.state)] },
          checkColumn, sourceColumn, nodeColumn, { ...errorColumn, label: "Error" }, sinceColumn,
        ], (check) => check.id);
        const stateOptions = Object.keys(states).map((name) => element("option", { value: name }));
        byId("state").append(element("option", { value: "", text: "All states" }), ...stateOptions);

        // Every word must be there, in the check ID, the source, the node or the error.
        function foundChecks() {
          const wanted = byId("state").value;
          const words = byId("search").value.toLowerCase().split(/\s+/).filter((word) => word);
          if (!wanted && !words.length) return picture.checks;
          return picture.checks.filter((check) => (!wanted || check.state === wanted)
            && words.every((word) => check.sought.includes(word)));
        }
        function renderChecks() {
          for (const option of stateOptions) {
            setText(option, `${states[option.value].word} (${amount(picture.numbers[option.value])})`);
          }
          const found = foundChecks();
          setText(byId("checks-count"), found.length === picture.total ? plural(picture.total, "check", "checks")
            : `${amount(found.length)} of ${plural(picture.total, "check", "checks")}`);
          for (const check of found) check.opens = check.id;
          checksTable.update(found, picture.total ? "No check matches." : "There is no check.");
        }
        function searchAgain() {
          checksTable.active = null;
          if (picture) renderChecks();
        }
        byId("search").addEventListener("input", searchAgain);
        byId("state").addEventListener("change", searchAgain);
        byId("search-form").addEventListener("submit", (event) => event.preventDefault());
        // From the search to what it found.
        byId("search").addEventListener("keydown", (event) => {
          if (event.key !== "ArrowDown" || !checksTable.items.length) return;
          event.preventDefault();
          checksTable.focusRow(0);
        });
        """#
}
