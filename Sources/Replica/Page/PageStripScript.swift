extension Page {
    /// The strip of a check's last 24 hours: one mark for each quarter of an hour, whose height tells what its colour
    /// tells.
    static let stripScript = #"""
        const slotKinds = {
          p: { name: "passed", word: "passed", top: 14 }, f: { name: "partly", word: "failed at times", top: 7 },
          F: { name: "failed", word: "failed throughout", top: 0 },
            "-": { name: "nothing", word: "nothing known", top: 18 },
        };
        const slotKind = (slot) => Object.hasOwn(slotKinds, slot) ? slotKinds[slot] : slotKinds["-"];
        function drawn(name, properties, ...children) {
          const made = document.createElementNS("http://www.w3.org/2000/svg", name);
          for (const [key, value] of Object.entries(properties)) made.setAttribute(key, value);
          made.append(...children);
          return made;
        }
        const mark = (kind, x, width) =>
          drawn("rect", { class: kind.name, x, y: kind.top, width, height: 20 - kind.top });

        // The same in words: how much of each, and when it last failed.
        function stripInWords(strip, slots, slotLength) {
          const counts = Object.values(slotKinds).map((kind) =>
            [slots.filter((slot) => slotKind(slot) === kind).length, kind.word]).filter(([count]) => count);
          const parts = counts.map(([count, word]) => `${word} in ${amount(count)}`);
          const last = slots.findLastIndex((slot) => slot === "f" || slot === "F");
          const when = last < 0 ? "It failed in none"
            : `It last failed between ${shortTime(strip.from_ms + last * slotLength)} and `
            + shortTime(strip.from_ms + (last + 1) * slotLength);
          return `Of ${plural(slots.length, "slot", "slots")} of ${lasting(slotLength)}: ${parts.join(", ")}. ${when}.`;
        }

        function drawStrip(strip) {
          const slots = Array.from(asText(strip?.slots)).slice(-96);
          if (!slots.length || !isTime(strip.from_ms)) {
            return [element("p", { class: "muted", text: "No results have been kept yet." })];
          }
          const slotLength = Number.isFinite(strip.slot_ms) && strip.slot_ms > 0 ? strip.slot_ms : 900000;
          const places = 96;
          const words = stripInWords(strip, slots, slotLength);
          const svg = drawn("svg", { class: "strip", viewBox: `0 -3 ${places * 4} 26`, preserveAspectRatio: "none",
            role: "img",
            "aria-label": words });
          slots.forEach((slot, index) => {
            const kind = slotKind(slot);
            const title = drawn("title", {}, `${shortTime(strip.from_ms + index * slotLength)}: ${kind.word}`);
            const bar = mark(kind, (places - slots.length + index) * 4 + 0.5, 3);
            bar.append(title);
            svg.append(bar);
          });
          const end = strip.from_ms + slots.length * slotLength;
          const legend = Object.values(slotKinds).map((kind) => element("span", {},
            drawn("svg", { viewBox: "0 0 10 20", preserveAspectRatio: "none", "aria-hidden": "true" },
              mark(kind, 0, 10)), kind.word));
          return [svg,
            element("div", { class: "ends", "aria-hidden": "true" },
              element("span", { text: shortTime(end - places * slotLength) }),
              element("span", { text: shortTime(end - places / 2 * slotLength) }), element("span", { text: "now" })),
            element("div", { class: "legend" }, ...legend),
            element("p", { class: "small" }, words),
            element("p", { class: "muted small" }, `Kept since ${new Date(strip.from_ms).toLocaleString()} (`,
              time(strip.from_ms), ").")];
        }
        """#
}
