extension Page {
    /// What the page looks like: two schemes whose text has a contrast of 4.5 at least, tables that become cards below
    /// 760 px, and no state told by colour alone.
    static let style = #"""
        :root {
          color-scheme: light dark;
          --back: #f5f6f8; --surface: #fff; --raised: #f0f2f5; --line: #dde1e7; --strong-line: #8a929e;
          --text: #1a1e24; --muted: #59626e; --link: #0b57b8; --focus: #0b57b8;
          --bad: #b3261e; --bad-back: #fcebea; --warn: #7d5200; --warn-back: #fdf1d8; --good: #1a6b35;
          --good-back: #e5f4ea;
          --bar: #5b7fb5; --none-back: #eceff3; --shade: rgb(20 24 30 / 45%);
          --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --back: #101317; --surface: #181c22; --raised: #20252d; --line: #2d343e; --strong-line: #6f7a88;
            --text: #e4e8ed; --muted: #9ba6b3; --link: #86b7fe; --focus: #86b7fe;
            --bad: #ff9389; --bad-back: #3b1f1e; --warn: #f0bd5c; --warn-back: #36290f; --good: #74cf90;
            --good-back: #16301f;
            --bar: #6d93cc; --none-back: #262c35; --shade: rgb(0 0 0 / 60%);
          }
        }
        * { box-sizing: border-box; }
        [hidden] { display: none !important; }
        html { scroll-padding-top: 4rem; -webkit-text-size-adjust: 100%; }
        body { margin: 0; background: var(--back); color: var(--text); overflow-wrap: anywhere;
          font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
        h1, h2, h3, p, dl, dd, ul { margin: 0; padding: 0; }
        h1 { font-size: 15px; font-weight: 650; }
        h2 { font-size: 16px; font-weight: 650; }
        h3 { font-size: 13px; font-weight: 650; margin: 20px 0 6px; }
        a, .open { color: var(--link); }
        bdi { unicode-bidi: isolate; }
        code, pre, .id { font-family: var(--mono); font-size: 12.5px; }
        kbd { font: 11px var(--mono); color: var(--muted); border: 1px solid var(--strong-line); border-radius: 3px;
          padding: 0 4px; }
        .muted { color: var(--muted); }
        .small { font-size: 12.5px; }
        .wide { max-width: 1360px; margin: 0 auto; padding: 0 20px; }
        .hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
          white-space: nowrap; }
        .skip { position: absolute; left: 8px; top: -60px; z-index: 9; padding: 8px 12px; background: var(--surface); }
        .skip:focus { top: 8px; }
        :focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; border-radius: 3px; }
        #content:focus, section:focus, #detail-title:focus { outline: none; }

        button, input, select { font: inherit; color: inherit; }
        button, select, input { background: var(--surface); border: 1px solid var(--strong-line); border-radius: 6px;
          padding: 5px 10px; min-height: 32px; }
        ::placeholder { color: var(--muted); opacity: 1; }
        button { cursor: pointer; }
        button:hover:not(:disabled) { background: var(--raised); }
        button:disabled { color: var(--muted); border-color: var(--line); cursor: default; }
        button.primary { background: var(--link); border-color: var(--link); color: var(--surface); font-weight: 600; }
        button.primary:hover { background: var(--link); filter: brightness(1.08); }
        button.open { display: inline; min-height: 0; padding: 0; border: 0; background: none; text-align: left; }
        button.open:hover { background: none; text-decoration: underline; }

        .signin { max-width: 380px; margin: 14vh auto 0; padding: 0 16px; }
        .signin form { display: grid; gap: 8px; padding: 28px; background: var(--surface);
          border: 1px solid var(--line);
          border-radius: 10px; }
        .signin h1 { font-size: 20px; }
        .signin label { margin-top: 14px; font-weight: 600; }
        .signin input { min-height: 38px; width: 100%; }
        .signin button { min-height: 38px; }
        .error { color: var(--bad); font-weight: 600; }
        .error:empty { display: none; }

        .bar { position: sticky; top: 0; z-index: 5; background: var(--surface); border-bottom: 1px solid var(--line); }
        .bar .wide { display: flex; align-items: center; gap: 24px; min-height: 48px; }
        .bar nav { display: flex; gap: 4px; flex: 1; }
        .bar nav a { color: var(--muted); text-decoration: none; padding: 6px 10px; border-radius: 6px;
          white-space: nowrap; }
        .bar nav a:hover { background: var(--raised); color: var(--text); }

        section { margin-top: 26px; }
        section:last-child { margin-bottom: 60px; }
        .head { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 16px; justify-content: space-between;
          margin-bottom: 8px; min-height: 32px; }
        .count { display: inline-block; margin-left: 4px; padding: 0 8px; border-radius: 10px;
          background: var(--none-back);
          color: var(--muted); font-size: 13px; font-weight: 600; }
        .count:empty { display: none; }
        .count.bad { background: var(--bad-back); color: var(--bad); }
        .count.warn { background: var(--warn-back); color: var(--warn); }
        .filter { display: flex; align-items: center; gap: 8px; color: var(--muted); }
        .filter select { color: var(--text); }
        .empty { padding: 9px 14px; background: var(--surface); border: 1px solid var(--line); border-radius: 8px;
          color: var(--muted); }
        .empty:empty { display: none; }

        .verdict { margin-top: 20px; background: var(--surface); border: 1px solid var(--line);
          border-left: 5px solid var(--strong-line); border-radius: 8px; }
        .verdict.bad { border-left-color: var(--bad); }
        .verdict.warn { border-left-color: var(--warn); }
        .verdict.good { border-left-color: var(--good); }
        .sentence { display: flex; align-items: center; gap: 12px; padding: 16px 18px 12px; }
        .sentence p { font-size: 20px; font-weight: 650; line-height: 1.3; }
        .sign { flex: none; width: 28px; height: 28px; border-radius: 50%; display: grid; place-items: center;
          font-weight: 700;
          background: var(--none-back); color: var(--muted); }
        .bad .sign { background: var(--bad-back); color: var(--bad); }
        .warn .sign { background: var(--warn-back); color: var(--warn); }
        .good .sign { background: var(--good-back); color: var(--good); }
        .banner { padding: 10px 18px; background: var(--warn-back); color: var(--warn);
          border-bottom: 1px solid var(--line); }
        .banner:first-child { border-top-right-radius: 7px; }
        .facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px 20px;
          padding: 12px 18px 14px; border-top: 1px solid var(--line); }
        dt { color: var(--muted); font-size: 12.5px; }
        .facts dd.bad { color: var(--bad); font-weight: 600; }
        .facts dd .muted { font-weight: 400; }
        .facts dd.warn { color: var(--warn); font-weight: 600; }

        table { width: 100%; border-collapse: separate; border-spacing: 0; table-layout: fixed;
          background: var(--surface);
          border: 1px solid var(--line); border-radius: 8px; }
        th, td { padding: 7px 12px; text-align: left; vertical-align: top; font-weight: 400; }
        thead th { color: var(--muted); font-size: 12.5px; font-weight: 600; border-bottom: 1px solid var(--line); }
        tbody tr:not(:first-child) > * { border-top: 1px solid var(--line); }
        tbody:not(.spacer) tr:hover > * { background: color-mix(in srgb, var(--raised) 60%, transparent); }
        tr.opens { cursor: pointer; }
        .w10 { width: 10%; } .w14 { width: 14%; } .w20 { width: 20%; } .w22 { width: 22%; } .w26 { width: 26%; }
        .w32 { width: 32%; }
        .clamp { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 4; overflow: hidden; }
        #problems-table .clamp { -webkit-line-clamp: 14; }
        .kind { display: block; color: var(--muted); font-size: 12px; }
        .muted > .kind { display: inline; padding-left: 6px; }
        .tag { display: inline-block; padding: 0 7px; border-radius: 4px; background: var(--none-back);
          color: var(--text);
          font-size: 12.5px; white-space: nowrap; max-width: 100%; overflow: hidden; text-overflow: ellipsis;
          vertical-align: top;
          margin: 0 4px 2px 0; }
        .tag.bad { background: var(--bad-back); color: var(--bad); }
        .tag.warn { background: var(--warn-back); color: var(--warn); }
        .tag.good { background: var(--good-back); color: var(--good); }
        .load { display: grid; grid-template-columns: minmax(50px, 110px) auto; gap: 10px; align-items: center;
          justify-content: start; }
        .load span { white-space: nowrap; }
        .track { height: 8px; border-radius: 4px; background: var(--none-back); overflow: hidden; }
        .fill { height: 100%; background: var(--bar); border-radius: 4px; }
        .fill.warn { background: var(--warn); }
        .pager { display: flex; align-items: center; gap: 8px; padding: 8px 0 0; color: var(--muted); flex-wrap: wrap; }

        .search { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 10px; margin-bottom: 10px; }
        .search input { flex: 1 1 260px; min-width: 0; }
        .windowed thead th { position: sticky; top: 49px; background: var(--surface); z-index: 2; }
        .windowed tbody:not(.spacer) tr { height: 38px; }
        .windowed td, .windowed tbody th { height: 38px; white-space: nowrap; overflow: hidden;
          text-overflow: ellipsis; padding-block: 8px; }
        .windowed .clamp { display: inline; }
        .windowed .kind { display: none; }
        .windowed button.open { display: block; max-width: 100%; overflow: hidden; text-overflow: ellipsis; }
        .spacer td { padding: 0; border: 0 !important; height: auto; }

        dialog { margin: 0 0 0 auto; padding: 0; width: min(720px, 100vw); max-width: none; height: 100dvh;
          max-height: none;
          border: 0; border-left: 1px solid var(--line); background: var(--surface); color: var(--text);
          overflow-y: auto;
          overscroll-behavior: contain; }
        dialog::backdrop { background: var(--shade); }
        .panel { padding: 0 24px 40px; }
        .panel > .head { position: sticky; top: 0; background: var(--surface); padding: 16px 0 10px; margin: 0;
          flex-wrap: nowrap;
          align-items: flex-start; border-bottom: 1px solid var(--line); z-index: 1; }
        .panel > .head h2 { max-height: 6em; overflow: auto; font-size: 15px; padding-top: 4px; }
        .panel > .head button { flex: none; }
        .pairs { display: grid; grid-template-columns: minmax(110px, max-content) minmax(0, 1fr); gap: 6px 18px; }
        .pairs dt { padding-top: 1px; }
        .pairs dd, .long { max-height: 16em; overflow: auto; }
        .outcome { margin: 16px 0; padding: 10px 14px; border-radius: 6px; background: var(--none-back);
          max-height: 16em;
          overflow: auto; }
        .outcome .tag { padding: 0; font-weight: 650; font-size: inherit; }
        .outcome.bad { background: var(--bad-back); }
        .outcome.warn { background: var(--warn-back); }
        .outcome.good { background: var(--good-back); }
        pre { margin: 0; padding: 12px 14px; border-radius: 6px; background: var(--raised); white-space: pre-wrap;
          max-height: 60vh; overflow: auto; }
        .obstacles { list-style: none; }
        .obstacles li { padding: 4px 0; border-top: 1px solid var(--line); }
        .obstacles li:first-child { border-top: 0; }
        .strip { display: block; width: 100%; height: 44px; background: var(--raised); border-radius: 6px; }
        .strip .passed { fill: var(--good); } .strip .partly { fill: var(--warn); } .strip .failed { fill: var(--bad); }
        .strip .nothing { fill: var(--strong-line); }
        .ends { display: flex; justify-content: space-between; color: var(--muted); font-size: 12px; margin-top: 3px; }
        .legend { display: flex; flex-wrap: wrap; gap: 2px 16px; color: var(--muted); font-size: 12.5px;
          margin-top: 4px; }
        .legend svg { width: 10px; height: 14px; vertical-align: -2px; margin-right: 5px; }
        .legend .passed { fill: var(--good); } .legend .partly { fill: var(--warn); }
        .legend .failed { fill: var(--bad); }
        .legend .nothing { fill: var(--strong-line); }

        @media (max-width: 760px) {
          .wide { padding: 0 12px; }
          .bar { position: static; }
          html { scroll-padding-top: 12px; }
          .bar .wide { flex-wrap: wrap; gap: 4px 12px; padding-top: 8px; padding-bottom: 6px;
            justify-content: space-between; }
          .bar nav { order: 3; flex-basis: 100%; flex-wrap: wrap; margin-left: -8px; }
          .bar nav a { padding: 8px 6px; font-size: 13px; }
          button, select, input { min-height: 40px; }
          .facts { grid-template-columns: repeat(2, minmax(0, 1fr)); }
          .sentence p { font-size: 18px; }
          .cards, .cards tbody, .cards tbody tr, .cards tbody th, .cards tbody td { display: block; width: auto; }
          .cards thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
          .cards tbody tr { padding: 10px 12px; }
          .cards tbody tr > *, .cards tbody tr:not(:first-child) > * { border: 0; padding: 1px 0; }
          .cards tbody tr:not(:first-child) { border-top: 1px solid var(--line); }
          .cards tbody:not(.spacer) tr > * { display: grid; grid-template-columns: 92px minmax(0, 1fr); gap: 10px; }
          .cards tbody:not(.spacer) tr > .none { display: none; }
          .cards tbody:not(.spacer) tr > *::before { content: attr(data-label); color: var(--muted);
            font-size: 12.5px; }
          .cards.windowed tbody:not(.spacer) tr { height: 142px; overflow: hidden; }
          .cards.windowed tbody:not(.spacer) tr > * { height: 20px; }
          .cards.windowed tbody:not(.spacer) tr > .none { display: grid; }
          .cards.windowed .cell { overflow: hidden; text-overflow: ellipsis; }
          .cards .spacer tr { padding: 0; border: 0; }
          .panel { padding: 0 14px 40px; }
          kbd { display: none; }
          .pairs { grid-template-columns: minmax(0, 1fr); gap: 0; }
          .pairs dd { margin-bottom: 8px; }
          .load { grid-template-columns: minmax(30px, 120px) auto; }
        }
        @media (forced-colors: active) {
          .fill { background: CanvasText; forced-color-adjust: none; }
          .verdict { border-left-width: 5px; }
        }
        """#
}
