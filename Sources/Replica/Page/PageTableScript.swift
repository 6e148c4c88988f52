extension Page {
    /// Tables that are brought up to date in place: rows have keys, a cell is drawn again only if what it shows has
    /// changed, and no row that stays is touched, so that focus, selection and scrolling stay too.
    static let tableScript = #"""
        // A row: cells by column. `columns` are {label, of(item): what it shows, as a text; draw(item): nodes;
        // none(item)}.
        function makeRow(columns) {
          const row = element("tr", { role: "row" });
          row.shown = [];
          columns.forEach((column, index) => {
            const cell = column.heads ? element("th", { scope: "row", role: "rowheader" })
              : element("td", { role: "cell" });
            cell.dataset.label = column.label;
            cell.append(element("div", { class: "cell clamp" }));
            row.append(cell);
            row.shown[index] = null;
          });
          return row;
        }

        function fillRow(row, columns, item) {
          row.item = item;
          columns.forEach((column, index) => {
            const what = column.of(item);
            if (row.shown[index] === what) return;
            row.shown[index] = what;
            const cell = row.children[index];
            cell.firstChild.replaceChildren(...column.draw(item));
            cell.classList.toggle("none", what === "");
          });
        }

        // Makes the rows of a body exactly these items, by key.
        function fillBody(body, columns, items, keyOf, onRow) {
          const rows = body.rowsByKey ??= new Map();
          const focused = body.contains(document.activeElement) ? document.activeElement : null;
          const keys = new Map();
          for (const item of items) {
            // Two things of one name are two rows.
            let key = keyOf(item);
            while (keys.has(key)) key += "\n";
            keys.set(key, item);
          }
          for (const [key, row] of rows) {
            if (keys.has(key)) continue;
            row.remove();
            rows.delete(key);
          }
          let next = body.firstChild;
          for (const [key, item] of keys) {
            let row = rows.get(key);
            if (!row) {
              row = makeRow(columns);
              rows.set(key, row);
            }
            fillRow(row, columns, item);
            onRow?.(row, item);
            // What went down in the order is taken out, rather than everything after it moved up.
            if (next && next !== row && next.nextSibling === row && !next.contains(focused)) {
              next.remove();
              next = row;
            }
            if (row === next) next = next.nextSibling;
            else body.insertBefore(row, next);
          }
          if (focused && focused.isConnected
            && document.activeElement !== focused) focused.focus({ preventScroll: true });
        }

        // A section's table, with at most `size` rows at once, and buttons to turn the pages.
        class PagedTable {
          constructor(name, columns, keyOf, size = 25) {
            Object.assign(this, { columns, keyOf, size, from: 0, items: [] });
            this.table = byId(`${name}-table`);
            this.body = this.table.tBodies[0];
            this.empty = byId(`${name}-empty`);
            this.place = element("span");
            this.previous = element("button", { type: "button", text: "Previous" });
            this.following = element("button", { type: "button", text: "Next" });
            this.pager = element("div", { class: "pager", hidden: true }, this.previous, this.following, this.place);
            this.table.after(this.pager);
            this.previous.addEventListener("click", () => this.turn(-1));
            this.following.addEventListener("click", () => this.turn(1));
            openRows(this.body);
          }
          turn(pages) {
            this.from += pages * this.size;
            this.update(this.items, this.nothing);
            this.table.scrollIntoView({ block: "nearest" });
          }
          update(items, nothing) {
            this.items = items;
            this.nothing = nothing;
            this.from = Math.max(0, Math.min(this.from, Math.floor((items.length - 1) / this.size) * this.size));
            const some = items.slice(this.from, this.from + this.size);
            fillBody(this.body, this.columns, some, this.keyOf,
              (row, item) => row.classList.toggle("opens", !!item.opens));
            this.table.hidden = !items.length;
            setText(this.empty, items.length ? "" : nothing);
            this.pager.hidden = items.length <= this.size;
            setText(this.place, `${amount(this.from + 1)}–${amount(this.from + some.length)} of ${amount(items.length)}`);
            this.previous.disabled = this.from === 0;
            this.following.disabled = this.from + this.size >= items.length;
          }
          clear() {
            this.from = 0;
            this.update([], "");
          }
        }

        // A check's ID as a button that opens its detail; as a text if there is no such check now.
        function drawCheck(id) {
          const inner = isolated(id, 400, "id");
          if (!id || !picture?.byId.has(id)) return [inner];
          const button = element("button", { type: "button", class: "open" }, inner);
          return [button];
        }
        // The row of a check opens it too, unless somebody is selecting text in it.
        function openRows(body) {
          body.addEventListener("click", (event) => {
            const row = event.target.closest("tr");
            const id = row?.item?.opens;
            if (!id) return;
            if (!event.target.closest("button") && !getSelection().isCollapsed) return;
            openDetail(id);
          });
        }
        """#
}
