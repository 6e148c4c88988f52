extension Page {
    /// The verdict: one sentence, then who leads, how old the data is and the like; and above it what makes it
    /// doubtful.
    static let verdictScript = #"""
        // What is wrong, worst first; the first says of what it speaks.
        function verdictOf(picture) {
          const parts = [];
          const add = (count, one, many) => {
            if (!count) return;
            const noun = parts.length ? "" : count === 1 ? "check " : "checks ";
            parts.push(`${amount(count)} ${noun}${count === 1 ? one : many}`);
          };
          add(picture.failing, "fails", "fail");
          add(picture.nowhere, "runs nowhere", "run nowhere");
          const tone = parts.length ? "bad" : "warn";
          add(picture.stale, "is stale", "are stale");
          add(picture.unknown, "has not reported yet", "have not reported yet");
          const { warnings } = picture;
          const wrong = picture.problemCount - warnings;
          const configs = [...(wrong ? [plural(wrong, "config is wrong", "configs are wrong")] : []),
            ...(warnings ? [plural(warnings, "config has a warning", "configs have warnings")] : [])];
          if (parts.length) return { sentence: [...parts, ...configs].join(", "), tone };
          const warming = Number.isFinite(picture.warmupLeft);
          const well = !picture.total
            ? (warming ? "Warming up: no check is dispatched yet" : "No check is configured")
            : picture.total === 1 ? "The only check passes" : `All ${amount(picture.total)} checks pass`;
          if (configs.length) return { sentence: [well, ...configs].join(", "), tone: "warn" };
          return { sentence: well, tone: picture.total ? "good" : warming ? "warn" : "" };
        }

        const inTime = (value) => value.charAt(0).toLowerCase() + value.slice(1);
        function renderVerdict() {
          if (!picture) return;
          const { sentence, tone } = verdictOf(picture);
          // What is no longer known to be so is not shown as if it were.
          const isOld = picture.isLastKnown || connection.isLost();
          const seen = isOld && tone === "good" ? "" : tone;
          setText(byId("verdict"), isOld ? `When last seen: ${inTime(sentence)}` : sentence);
          setText(byId("verdict-sign"), { bad: "✕", warn: "!", good: "✓" }[seen] ?? "?");
          setClass(byId("verdict-box"), `verdict ${seen}`);
          document.title = picture.failing ? `${amount(picture.failing)} failing – cluster-agent` : "cluster-agent";
        }

        const facts = [
          { label: "Leader", of: (p) => p.leader ? `${p.leader.name} ${p.leader.since_ms}` : "",
            tone: (p) => p.leader ? "" : "bad",
            draw: (p) => p.leader ? [isolated(p.leader.name, 80), muted(" since ", time(p.leader.since_ms))]
              : ["Nobody leads"] },
          { label: "Replicas", of: (p) => JSON.stringify(p.replicas), draw: drawReplicas },
          { label: "Checks", of: (p) => `${p.numbers.up} ${p.total} ${p.configs}`,
            draw: (p) => [`${amount(p.numbers.up)} of ${amount(p.total)} pass`,
              muted(`, ${plural(p.configs, "config", "configs")}`)] },
          { label: "Warm-up", isShown: (p) => Number.isFinite(p.warmupLeft), of: (p) => `${p.now} ${p.warmupLeft}`,
            tone: () => "warn",
            draw: (p) => {
              const end = p.now + p.warmupLeft * 1000;
              return [ticking("span", () => `${Math.max(0, Math.ceil((end - serverNow()) / 1000))} s left`)];
            } },
          { label: "API server", of: (p) => String(p.contact),
            tone: (p) => isTime(p.contact) && p.now - p.contact > 15000 ? "bad" : "",
            draw: (p) => isTime(p.contact) ? ["Answered ", time(p.contact)] : ["Runs without one"] },
          { label: "Data", of: (p) => `${p.isLastKnown} ${p.by} ${p.version}`, tone: (p) => p.isLastKnown ? "warn" : "",
            draw: (p) => [
              ticking("span", () => p.isLastKnown ? `Last known, ${lasting(pictureAge())} old`
                : `As of ${ago(Date.now() - confirmed)}`),
              muted(" from ", isolated(p.by, 80))] },
          { label: "Certificate", isShown: (p) => isTime(p.certificate) && p.certificate - p.now < 30 * 86400000,
            of: (p) => String(p.certificate), tone: (p) => p.certificate - p.now < 3 * 86400000 ? "bad" : "warn",
            draw: (p) => [ticking("span", () => {
              const left = p.certificate - serverNow();
              return left > 0 ? `Expires in ${lasting(left)}` : `Expired ${ago(-left)}`;
            }, { title: new Date(p.certificate).toLocaleString() })] },
        ];

        function drawReplicas(picture) {
          if (!picture.replicas.length) return [muted("None seen")];
          const lines = picture.replicas.slice(0, 5).map((replica) => element("div", {}, isolated(replica?.name, 80),
            " ", isolated(replica?.role, 40, "muted")));
          const more = picture.replicas.length - lines.length;
          if (more > 0) lines.push(element("div", { class: "muted", text: `and ${amount(more)} more` }));
          return lines;
        }

        function renderFacts() {
          for (const fact of facts) {
            if (!fact.value) {
              fact.value = element("dd");
              fact.pair = element("div", {}, element("dt", { text: fact.label }), fact.value);
              byId("facts").append(fact.pair);
            }
            fact.pair.hidden = fact.isShown ? !fact.isShown(picture) : false;
            const what = fact.of(picture);
            setClass(fact.value, fact.tone?.(picture) ?? "");
            if (fact.shown === what) continue;
            fact.shown = what;
            fact.value.replaceChildren(...fact.draw(picture));
          }
        }
        function clearVerdict() {
          for (const fact of facts) {
            fact.value?.replaceChildren();
            fact.shown = null;
          }
          for (const id of ["verdict", "verdict-sign"]) setText(byId(id), "");
          document.title = "cluster-agent";
        }

        const pictureAge = () => picture.age + (Date.now() - arrived);

        // A banner says that something is so, and counts on beside that. A screen reader is told the former alone,
        // once, by an element that is always there.
        const announced = new Map();
        function makeBanner() {
          const head = element("strong");
          const rest = element("span");
          const reason = element("bdi");
          const box = element("div", { class: "banner", hidden: true }, head, rest, reason);
          byId("banners").append(box);
          return (said) => {
            box.hidden = !said;
            setText(head, said?.head ?? "");
            announced.set(head, head.textContent);
            setText(byId("announced"), [...announced.values()].filter((text) => text).join(". "));
            setText(rest, said?.rest ?? "");
            setText(reason, shown(said?.reason, 1000));
          };
        }
        const sayConnection = makeBanner();
        const sayLastKnown = makeBanner();

        let wasLost = false;
        function renderBanners() {
          if (!picture) return;
          const isLost = connection.isLost();
          if (isLost !== wasLost) {
            wasLost = isLost;
            renderVerdict();
          }
          const asOf = `what you see is as of ${clockTime(confirmed)}; trying again`;
          if (!isLost) sayConnection(null);
          else if (connection.said) {
            sayConnection({ head: "The server answers, but not with a picture", rest: `; ${asOf}. It says: `,
              reason: connection.said });
          }
          else sayConnection({ head: "No word from the server",
            rest: ` for ${lasting(Date.now() - connection.lastWord)}; ${asOf}` });
          sayLastKnown(picture.isLastKnown ? { head: "This is the last known picture",
            rest: `, ${lasting(pictureAge())} old: `, reason: picture.reason || "nobody leads" } : null);
        }
        """#
}
