extension Page {
    /// A table of any length of which only the rows in view are in the document: the space above and below is that of
    /// two rows without content. Rows have one height, which is measured.
    static let windowScript = #"""
        class WindowedTable {
          constructor(name, columns, keyOf) {
            Object.assign(this, { columns, keyOf, items: [], height: 0, active: null });
            this.table = byId(`${name}-table`);
            [this.above, this.body, this.below] = this.table.tBodies;
            this.empty = byId(`${name}-empty`);
            let waiting = false;
            const later = () => {
              if (waiting) return;
              waiting = true;
              requestAnimationFrame(() => { waiting = false; this.render(); });
            };
            addEventListener("scroll", later, { passive: true });
            addEventListener("resize", () => { this.height = 0; later(); });
            this.body.addEventListener("keydown", (event) => this.move(event));
            this.body.addEventListener("focusin", (event) => {
              const row = event.target.closest("tr");
              if (row) this.active = this.keyOf(row.item);
            });
            openRows(this.body);
          }
          update(items, nothing) {
            this.items = items;
            this.places = null;
            this.table.hidden = !items.length;
            this.table.setAttribute("aria-rowcount", String(items.length + 1));
            setText(this.empty, items.length ? "" : nothing);
            this.render();
          }
          // Which row has a key: looked up rarely, so made when it is.
          placeOf(key) {
            this.places ??= new Map(this.items.map((item, place) => [this.keyOf(item), place]));
            return this.places.get(key) ?? -1;
          }
          render() {
            const { items } = this;
            if (!items.length) {
              this.show(0, 0);
              return;
            }
            if (!this.height) {
              this.show(0, Math.min(items.length, 5));
              this.height = Math.max(20, this.body.rows[0].getBoundingClientRect().height);
            }
            // Rows a little out of view are there, so that scrolling and the Tab key find them.
            const top = -this.above.getBoundingClientRect().top;
            const spare = 8;
            const count = Math.min(Math.ceil(innerHeight / this.height) + 2 * spare, 200);
            const first = Math.max(0, Math.min(Math.floor(top / this.height) - spare, items.length - count));
            this.show(first, Math.min(items.length, first + count));
          }
          show(first, end) {
            const hadFocus = this.body.contains(document.activeElement);
            const tabbed = this.items.slice(first, end).some((item) => this.keyOf(item) === this.active) ? this.active
              : null;
            let place = first;
            fillBody(this.body, this.columns, this.items.slice(first, end), this.keyOf, (row) => {
              row.setAttribute("aria-rowindex", String(place + 2));
              row.classList.add("opens");
              const button = row.querySelector("button");
              button.tabIndex = tabbed === null ? (place === first ? 0 : -1)
                : (this.keyOf(row.item) === tabbed ? 0 : -1);
              place += 1;
            });
            for (const [spacer, rows] of [[this.above, first], [this.below, this.items.length - end]]) {
              spacer.rows[0].style.height = `${rows * this.height}px`;
            }
            // The row that had the focus was scrolled away: the arrow keys go on from where it was.
            if (hadFocus && !this.body.contains(document.activeElement)) {
              this.body.tabIndex = -1;
              this.body.focus({ preventScroll: true });
            }
          }
          // Arrow keys, Home, End and the page keys go from row to row: one stop of the Tab key for them all.
          move(event) {
            const page = Math.max(1, Math.floor(innerHeight / this.height) - 3);
            const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
            if (!Object.hasOwn(steps, event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
            event.preventDefault();
            const now = this.placeOf(this.active);
            this.focusRow(Math.max(0, Math.min(this.items.length - 1, Math.max(0, now) + steps[event.key])));
          }
          focusRow(place) {
            const key = this.keyOf(this.items[place]);
            this.active = key;
            const head = this.table.tHead.getBoundingClientRect().height + 60;
            const top = this.above.getBoundingClientRect().top + place * this.height;
            if (top < head) scrollBy({ top: top - head, behavior: "instant" });
            else if (top + this.height > innerHeight) scrollBy({ top: top + this.height - innerHeight + 8,
              behavior: "instant" });
            this.render();
            this.body.rowsByKey.get(key)?.querySelector("button").focus({ preventScroll: true });
          }
        }
        """#
}
