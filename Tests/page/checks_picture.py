"""Checks of what is shown of a picture, and of what stays as it is when the next one comes."""
from check import check, expect, opened, until
from server import empty_picture, now_ms, realistic_picture, scaled_picture


@check("the sections come in the order in which somebody on call asks")
def _(browser):
    with opened(browser) as this:
        heads = this.page.locator("#content h2").all_text_contents()
        wanted = ["Verdict", "Failing now", "Running nowhere and wrong configs", "Changes in the last hour", "Nodes", "All checks"]
        expect([" ".join(head.split()).rstrip(" 0123456789") for head in heads] == wanted, f"{heads}")
        first = this.page.evaluate("() => document.getElementById('content').innerText.trim().split('\\n').find((l) => l.length > 8)")
        expect(first.startswith("3 checks fail, 1 runs nowhere"), first)


@check("a check that fails is shown within 5 s, with service, node, reason and times; and goes when it passes")
def _(browser):
    with opened(browser, scaled_picture(1234, 40)) as this:
        expect(this.text("#verdict") == "All 1,234 checks pass", this.text("#verdict"))
        with this.server.changing() as picture:
            row = picture["checks"][7]
            row[3:7] = ["down", now_ms() - 1000, now_ms() - 16_000, "timeout: no answer within 2 s"]
        took = until(lambda: this.shows("#failing-table tbody tr", row[0]), 5, "the failing check")
        print(f"   shown after {took:.2f} s")
        expect(this.text("#verdict") == "1 check fails", this.text("#verdict"))
        shown = this.text("#failing-table tbody tr")
        for part in (row[1].split("://")[1], row[0], "worker-0007", "timeout: no answer within 2 s", "16 s ago"):
            expect(part in shown or part == "16 s ago" and "17 s ago" in shown, f"'{part}' is not in '{shown}'")
        expect(this.page.title().startswith("1 failing"), this.page.title())
        with this.server.changing() as picture:
            picture["checks"][7][3:7] = ["up", now_ms(), now_ms(), ""]
        until(lambda: this.text("#verdict") == "All 1,234 checks pass", 5, "the check to pass")
        expect("Nothing fails" in this.text("#failing-empty"), "the section does not say that nothing fails")


@check("a move and a lost node appear among the changes, newest first, and the filter by kind shows one kind alone")
def _(browser):
    with opened(browser) as this:
        with this.server.changing() as picture:
            row = picture["checks"][9]
            picture["history"] += [
                {"time_ms": now_ms() - 1000, "kind": "lost", "node": "worker-0042", "reason": "silent for 30 s"},
                {"time_ms": now_ms(), "kind": "moved", "check": row[0], "config": f"kube_service:{row[1]}#x#0",
                 "from": "worker-0042", "node": "worker-0001", "reason": "lost"}]
        until(lambda: this.shows("#history-table tbody tr", "worker-0042"), 5, "the move")
        rows = this.page.locator("#history-table tbody tr").all_inner_texts()
        expect("moved" in rows[0] and row[0] in rows[0] and "worker-0042 → worker-0001" in rows[0] and "lost" in rows[0], rows[0])
        expect("node lost" in rows[1] and "silent for 30 s" in rows[1], rows[1])
        this.page.select_option("#history-kind", "lost")
        kinds = this.page.locator("#history-table tbody td:nth-child(2)").all_inner_texts()
        expect(set(kinds) == {"node lost"} and len(kinds) == 2, f"{kinds}")


@check("what runs nowhere and what is wrong is shown with reasons, and how many more there are than listed")
def _(browser):
    picture = realistic_picture()
    picture["problem_count"] = 1500
    with opened(browser, picture) as this:
        shown = this.text("#problems-table tbody")
        for part in ("runs nowhere", "no node matches the selector", "wrong config", "'password' has no value", "warning",
                     "The last good config still runs.", "legacy.yaml"):
            expect(part in shown, f"'{part}' is not there")
        expect("3 of 1,501 are listed" in this.text("#problems"), "how many are not listed is not said")


@check("nodes are sorted worst first, with load, cost, capacity, conditions and kind")
def _(browser):
    with opened(browser) as this:
        rows = this.page.locator("#nodes-table tbody tr").all_inner_texts()
        expect({rows[0].split()[0], rows[1].split()[0]} == {"worker-0003", "worker-0007"}, f"{rows[:2]}")
        whole = "\n".join(rows)
        for part in ("cordoned", "draining", "silent", "92 %", "cost 92 of 100", "Prometheus", "cluster check runner", "1 failing"):
            expect(part in whole, f"'{part}' is not there")
        widths = this.page.evaluate("() => Object.fromEntries([...document.querySelectorAll('#nodes-table tbody tr')].map((r) => "
                                    "[r.querySelector('th bdi').textContent, r.querySelector('.fill').getBoundingClientRect().width "
                                    "/ r.querySelector('.track').getBoundingClientRect().width]))")
        expect(abs(widths["worker-0000"] - 0.92) < 0.02 and abs(widths["worker-0009"] - 0.33) < 0.02, f"{widths}")


@check("an empty cluster, the warm-up and a certificate that ends soon are said")
def _(browser):
    with opened(browser, empty_picture()) as this:
        expect(this.text("#verdict") == "No check is configured", this.text("#verdict"))
        expect("Certificate" not in this.page.locator("#facts").inner_text(), "a certificate that is good for long is shown")
        with this.server.changing() as picture:
            picture.update(warmup_left_s=12, certificate_expires_ms=now_ms() + 5 * 86_400_000, api_contact_ms=None)
        until(lambda: "Warming up" in this.text("#verdict"), 5, "the warm-up")
        expect("s left" in this.text("#facts") and "Expires in 5 d" in this.text("#facts"), this.text("#facts"))
        expect("Runs without one" in this.text("#facts"), this.text("#facts"))
        left = this.text("#facts")
        until(lambda: this.text("#facts") != left, 3, "the seconds to count down")


@check("the search finds words in check ID, source, node and error, and by state")
def _(browser):
    with opened(browser) as this:
        def found(text, state=""):
            this.page.fill("#search", text)
            this.page.select_option("#state", state)
            return this.text("#checks-count")
        expect(found("") == "148 checks", found(""))
        expect(found("CHECKOUT-00018") == "1 of 148 checks", found("CHECKOUT-00018"))
        expect(found("kube_service://shop/web") == "10 of 148 checks", found("kube_service://shop/web"))
        expect(found("refused the connection") == "1 of 148 checks", "by error")
        expect(found("worker-0006 checkout") == "3 of 148 checks", found("worker-0006 checkout"))
        expect(found("", "down") == "3 of 148 checks", "by state")
        expect(found("no-such") == "0 of 148 checks" and "No check matches" in this.text("#checks-empty"), "nothing found")


@check("focus, scroll position and selection stay when the picture changes, and rows are not made anew")
def _(browser):
    with opened(browser) as this:
        page = this.page
        page.locator("#failing-table tbody tr:nth-child(2) button").focus()
        page.evaluate("""() => {
          const bdi = document.querySelector('#history-table tbody tr:nth-child(3) td:nth-child(5) bdi');
          getSelection().selectAllChildren(bdi);
          scrollTo(0, 400);
          window.rows = [...document.querySelectorAll('#failing-table tbody tr, #history-table tbody tr, #nodes-table tbody tr')];
        }""")
        before = page.evaluate("() => [document.activeElement.textContent, getSelection().toString()]")
        with this.server.changing() as picture:
            picture["checks"][50][3:7] = ["down", now_ms(), now_ms(), "refused"]
            picture["checks"][40][3] = "stale"
            picture["nodes"][5]["load"] = 0.99
            picture["history"].append({"time_ms": now_ms(), "kind": "joined", "node": "worker-0077"})
        until(lambda: this.shows("#failing-table tbody tr", picture["checks"][50][0]), 5, "the picture")
        after = page.evaluate("() => [document.activeElement.textContent, getSelection().toString()]")
        expect(before == after, f"{before} became {after}")
        gone = page.evaluate("() => window.rows.filter((row) => !row.isConnected).length")
        # The oldest change went to the next page, if there are so many.
        expect(gone <= 1, f"{gone} rows were made anew")
        moved = page.evaluate("() => scrollY")
        expect(abs(moved - 400) < 80, f"scrolled to {moved}")


@check("ages tick in place each second, and the verdict is not touched when its sentence is the same")
def _(browser):
    with opened(browser) as this:
        this.page.evaluate("""() => {
          window.verdicts = 0; window.added = 0;
          new MutationObserver((all) => { window.verdicts += all.length; })
            .observe(document.getElementById('verdict'), {childList: true, characterData: true, subtree: true});
          new MutationObserver((all) => { for (const one of all) for (const node of one.addedNodes)
            if (node.nodeType === 1) window.added += 1; }).observe(document.getElementById('content'), {childList: true, subtree: true});
        }""")
        cell = "#history-table tbody tr:first-child time"
        with this.server.changing() as picture:
            picture["history"].append({"time_ms": now_ms(), "kind": "joined", "node": "worker-0077"})
        until(lambda: this.shows("#history-table tbody tr", "worker-0077"), 5, "the picture")
        added = this.page.evaluate("() => window.added")
        until(lambda: this.text(cell) in ("3 s ago", "4 s ago"), 6, "the age to tick")
        expect(this.page.evaluate("() => window.added") == added, "elements were added by ticking")
        expect(this.page.evaluate("() => window.verdicts") == 0, "the verdict was written anew")
        expect(this.page.get_attribute(cell, "title") and this.page.get_attribute(cell, "datetime"), "no exact time")
