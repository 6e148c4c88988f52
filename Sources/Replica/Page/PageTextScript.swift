extension Page {
    /// Texts and times. Whatever comes from the cluster passes `isolated` or `visible`, and becomes the text of an
    /// element.
    static let textScript = #"""
        const byId = (id) => document.getElementById(id);

        // Control characters and those that change the direction of what follows, that have no width or stand for half
        // a character: they could hide or forge what is shown, so they stand as \u{…}.
        const invisible = new RegExp("[\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e" +
          "\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb]|[\\u{e0000}-\\u{e007f}]|\\p{Surrogate}", "gu");
        const written = (character) => `\\u{${character.codePointAt(0).toString(16)}}`;
        const visible = (text) => String(text ?? "").replace(invisible, written);
        // The same for a text of several lines that the page itself laid out.
        const visibleLines = (text) => text.split("\n").map(visible).join("\n");
        // Cells show the beginning of a long text; the detail shows more.
        const cut = (text, limit) => text.length > limit ? `${text.slice(0, limit)}…` : text;
        const shown = (text, limit = 400) => visible(cut(String(text ?? ""), limit));

        // An element with properties (`class`, `text`, attributes) and children. Never given markup.
        function element(name, properties = {}, ...children) {
          const made = document.createElement(name);
          for (const [key, value] of Object.entries(properties)) {
            if (value === undefined || value === null || value === false) continue;
            if (key === "text") made.textContent = value;
            else if (key === "class") made.className = value;
            else made.setAttribute(key, value === true ? "" : value);
          }
          made.append(...children);
          return made;
        }
        const isolated = (text, limit = 400, kind = "") =>
          element("bdi", { class: kind || null, text: shown(text, limit) });
        const muted = (...children) => element("span", { class: "muted" }, ...children);
        const setText = (target, text) => { if (target.textContent !== text) target.textContent = text; };
        const setClass = (target, name) => { if (target.className !== name) target.className = name; };

        const wholeNumber = new Intl.NumberFormat("en");
        const amount = (count) => wholeNumber.format(count);
        const plural = (count, one, many) => `${amount(count)} ${count === 1 ? one : many}`;
        const decimal = (value) => String(Math.round(value * 100) / 100);

        // How long: two units at most, the second only where it matters.
        function lasting(milliseconds) {
          const seconds = Math.max(0, Math.round(milliseconds / 1000));
          if (seconds < 90) return `${seconds} s`;
          const minutes = Math.floor(seconds / 60);
          if (minutes < 120) return `${minutes} min`;
          const hours = Math.floor(minutes / 60);
          if (hours < 10 && minutes % 60) return `${hours} h ${minutes % 60} min`;
          return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} d`;
        }
        const ago = (milliseconds) => milliseconds < 1500 ? "just now" : `${lasting(milliseconds)} ago`;
        const clockTime = (at) => new Date(at).toLocaleTimeString([], { hour12: false });
        const shortTime = (at) => new Date(at).toLocaleTimeString([],
          { hour: "2-digit", minute: "2-digit", hour12: false });
        const isTime = (at) => typeof at === "number" && Number.isFinite(at) && Math.abs(at) < 8e15;

        // A text that changes with time alone: once a second, in place.
        function ticking(name, text, properties = {}) {
          const made = element(name, { ...properties, "data-tick": true });
          made.tick = () => setText(made, text());
          made.tick();
          return made;
        }
        // How long ago that was, by the clock of who made the picture; the exact time is its title.
        function time(at, otherwise = "–") {
          if (!isTime(at)) return muted(otherwise);
          return ticking("time", () => ago(serverNow() - at),
            { datetime: new Date(at).toISOString(), title: new Date(at).toLocaleString() });
        }
        function tickAll() {
          for (const each of document.querySelectorAll("[data-tick]")) each.tick();
        }
        """#
}
