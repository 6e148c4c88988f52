extension Page {
    /// The body: sign-in, the sections in the order in which somebody on call asks, and the dialog of one check. Tables
    /// have roles besides, since a table that is shown as cards, on a phone, loses its own.
    static let markup = #"""
        <a class="skip" href="#content">Skip to the verdict</a>
        <noscript><p class="signin">This page needs JavaScript. The same is on the command line:
        <code>cluster-agent clusterchecks</code>.</p></noscript>

        <main id="signin" class="signin" hidden>
          <form id="signin-form" method="post" autocomplete="off" novalidate>
            <h1>cluster-agent</h1>
            <p class="muted">Cluster checks: what fails now, and why.</p>
            <label for="token">Operator’s token</label>
            <input id="token" type="password" autocomplete="off" autocapitalize="off" spellcheck="false"
              aria-describedby="token-error token-help">
            <p id="token-error" class="error" role="alert"></p>
            <button id="signin-button" class="primary" type="submit">Sign in</button>
            <p id="token-help" class="muted small">The token stays in the memory of this page: closing or reloading the page
            forgets it.</p>
          </form>
        </main>

        <div id="app" hidden>
          <header class="bar">
            <div class="wide">
              <h1>cluster-agent</h1>
              <nav aria-label="Sections">
                <a href="#failing">Failing</a>
                <a href="#problems">Not running</a>
                <a href="#history">Changes</a>
                <a href="#nodes">Nodes</a>
                <a href="#checks">Checks</a>
              </nav>
              <button id="signout" type="button">Sign out</button>
            </div>
          </header>
          <main id="content" class="wide" tabindex="-1">
            <section aria-labelledby="verdict-title" class="verdict" id="verdict-box">
              <h2 id="verdict-title" class="hidden">Verdict</h2>
              <div id="banners"></div>
              <p id="announced" class="hidden" role="status"></p>
              <div class="sentence">
                <span id="verdict-sign" class="sign" aria-hidden="true"></span>
                <p id="verdict" aria-live="polite"></p>
              </div>
              <dl id="facts" class="facts"></dl>
            </section>

            <section aria-labelledby="failing-title" id="failing">
              <div class="head"><h2 id="failing-title">Failing now <span class="count" id="failing-count"></span></h2></div>
              <p class="empty" id="failing-empty"></p>
              <table id="failing-table" class="cards" role="table" aria-labelledby="failing-title">
                <thead role="rowgroup"><tr role="row">
                  <th scope="col" role="columnheader" class="w20">Service or source</th>
                  <th scope="col" role="columnheader" class="w22">Check</th>
                  <th scope="col" role="columnheader" class="w14">Node</th>
                  <th scope="col" role="columnheader">Reason</th>
                  <th scope="col" role="columnheader" class="w10">Failing since</th>
                  <th scope="col" role="columnheader" class="w10">Last success</th>
                </tr></thead>
                <tbody role="rowgroup"></tbody>
              </table>
            </section>

            <section aria-labelledby="problems-title" id="problems">
              <div class="head"><h2 id="problems-title">Running nowhere and wrong configs
                <span class="count" id="problems-count"></span></h2></div>
              <p class="empty" id="problems-empty"></p>
              <table id="problems-table" class="cards" role="table" aria-labelledby="problems-title">
                <thead role="rowgroup"><tr role="row">
                  <th scope="col" role="columnheader" class="w14">What</th>
                  <th scope="col" role="columnheader" class="w32">Check or object</th>
                  <th scope="col" role="columnheader">Reason</th>
                  <th scope="col" role="columnheader" class="w10">Since</th>
                </tr></thead>
                <tbody role="rowgroup"></tbody>
              </table>
            </section>

            <section aria-labelledby="history-title" id="history">
              <div class="head">
                <h2 id="history-title">Changes in the last hour <span class="count" id="history-count"></span></h2>
                <label class="filter">Kind <select id="history-kind"><option value="">All kinds</option></select></label>
              </div>
              <p class="empty" id="history-empty"></p>
              <table id="history-table" class="cards" role="table" aria-labelledby="history-title">
                <thead role="rowgroup"><tr role="row">
                  <th scope="col" role="columnheader" class="w10">When</th>
                  <th scope="col" role="columnheader" class="w14">Kind</th>
                  <th scope="col" role="columnheader" class="w32">Check, config or node</th>
                  <th scope="col" role="columnheader" class="w20">Where</th>
                  <th scope="col" role="columnheader">Reason</th>
                </tr></thead>
                <tbody role="rowgroup"></tbody>
              </table>
            </section>

            <section aria-labelledby="nodes-title" id="nodes">
              <div class="head"><h2 id="nodes-title">Nodes <span class="count" id="nodes-count"></span></h2>
                <p class="muted small">Worst first</p></div>
              <p class="empty" id="nodes-empty"></p>
              <table id="nodes-table" class="cards" role="table" aria-labelledby="nodes-title">
                <thead role="rowgroup"><tr role="row">
                  <th scope="col" role="columnheader" class="w20">Node</th>
                  <th scope="col" role="columnheader" class="w14">Agent</th>
                  <th scope="col" role="columnheader">Load</th>
                  <th scope="col" role="columnheader" class="w10">Checks</th>
                  <th scope="col" role="columnheader" class="w20">Condition</th>
                  <th scope="col" role="columnheader" class="w10">Last heard</th>
                </tr></thead>
                <tbody role="rowgroup"></tbody>
              </table>
            </section>

            <section aria-labelledby="checks-title" id="checks">
              <div class="head"><h2 id="checks-title">All checks</h2>
                <p class="muted small" id="checks-count" role="status"></p></div>
              <form id="search-form" class="search" role="search" autocomplete="off">
                <label for="search">Search <kbd aria-hidden="true">/</kbd></label>
                <input id="search" type="search" spellcheck="false" autocapitalize="off" aria-keyshortcuts="/"
                  placeholder="Check, source, node or error">
                <label for="state">State</label>
                <select id="state"></select>
              </form>
              <p class="empty" id="checks-empty"></p>
              <table id="checks-table" class="cards windowed" role="table" aria-labelledby="checks-title">
                <thead role="rowgroup"><tr role="row">
                  <th scope="col" role="columnheader" class="w14">State</th>
                  <th scope="col" role="columnheader" class="w26">Check</th>
                  <th scope="col" role="columnheader" class="w20">Service or source</th>
                  <th scope="col" role="columnheader" class="w14">Node</th>
                  <th scope="col" role="columnheader">Error</th>
                  <th scope="col" role="columnheader" class="w10">Since</th>
                </tr></thead>
                <tbody class="spacer" role="presentation" aria-hidden="true"><tr><td></td></tr></tbody>
                <tbody role="rowgroup"></tbody>
                <tbody class="spacer" role="presentation" aria-hidden="true"><tr><td></td></tr></tbody>
              </table>
            </section>
          </main>
        </div>

        <dialog id="detail" aria-labelledby="detail-title">
          <div class="panel">
            <div class="head">
              <h2 id="detail-title" tabindex="-1"></h2>
              <button id="detail-close" type="button">Close <kbd aria-hidden="true">Esc</kbd></button>
            </div>
            <div id="detail-body"></div>
          </div>
        </dialog>
        """#
}
