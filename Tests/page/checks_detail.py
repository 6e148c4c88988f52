"""Checks of one check's detail."""
import re, urllib.parse
from check import check, expect, opened, until
from server import explanation, now_ms


def is_open(this):
    return this.page.evaluate("() => document.getElementById('detail').open")


@check("a click on a row opens the check's detail, with config, source, reason, obstacles, result and strip")
def _(browser):
    with opened(browser) as this:
        this.page.click("#failing-table tbody tr:first-child td:nth-child(4)")
        this.page.wait_for_selector("#detail svg.strip")
        shown = this.text("#detail")
        row = this.server.picture["checks"][18]
        for part in (row[0], row[1], "worker-0006", "timeout: no answer within 2 s", "has the least load of the 11 nodes",
                     "cordoned", "draining", "********", '"min_collection_interval": 15', "11 nodes", "Kept since"):
            expect(part in shown, f"'{part}' is not in the detail")
        words = this.page.get_attribute("#detail svg.strip", "aria-label")
        expect(re.match(r"Of 36 slots of 15 min: passed in 30, failed at times in 4, failed throughout in 1, nothing known in 1\. "
                        r"It last failed between \d\d:\d\d and \d\d:\d\d\.", words), words)
        bars = this.page.evaluate("() => [...document.querySelectorAll('#detail svg.strip rect')].map((r) => "
                                  "[r.getAttribute('class'), r.getAttribute('height')])")
        expect(len(bars) == 36 and len({tuple(bar) for bar in bars}) == 4 and len({height for _, height in bars}) == 4,
               "the marks do not differ in height as they do in colour")


@check("the detail has an address: it opens by it, and Esc, the button and Back close it")
def _(browser):
    with opened(browser) as this:
        page, row = this.page, this.server.picture["checks"][18]
        opener = page.locator("#failing-table tbody tr:first-child button")
        for close in (lambda: page.keyboard.press("Escape"), lambda: page.click("#detail-close"), page.go_back):
            opener.focus()
            page.keyboard.press("Enter")
            until(lambda: is_open(this), 3, "the detail")
            expect(page.url.endswith("#check=" + urllib.parse.quote(row[0], safe="")), page.url)
            close()
            until(lambda: not is_open(this), 3, "the detail to close")
            expect("#check" not in page.url, page.url)
            until(lambda: opener.evaluate("(e) => e === document.activeElement"), 2, "the focus to come back")
        page.go_forward()
        until(lambda: is_open(this), 3, "the detail, by Forward")
    with opened(browser, at="#check=" + urllib.parse.quote(row[0], safe="")) as this:
        until(lambda: is_open(this), 3, "the detail, by its address")
        this.page.keyboard.press("Escape")
        until(lambda: not is_open(this) and "#check" not in this.page.url, 3, "the detail to close")


@check("the detail of a check that is gone, that has no results yet, and that cannot be explained now is said")
def _(browser):
    with opened(browser, at="#check=gone%3Acheck") as this:
        until(lambda: "no such check any more" in this.text("#detail"), 5, "that it is gone")
    with opened(browser) as this:
        row = this.server.picture["checks"][18]
        this.server.explanations[row[0]] = {**explanation(row, this.server.picture["nodes"]), "strip": None}
        this.page.click("#failing-table tbody tr:first-child button")
        until(lambda: "No results have been kept yet" in this.text("#detail"), 5, "that nothing was kept")
        this.server.explanations[row[0]] = {"check": row[0]}
        this.page.keyboard.press("Escape")
        this.page.click("#failing-table tbody tr:first-child button")
        until(lambda: "No results have been kept yet" in this.text("#detail"), 5, "an answer with next to nothing in it")


@check("the open detail follows the picture")
def _(browser):
    with opened(browser) as this:
        this.page.click("#failing-table tbody tr:first-child button")
        this.page.wait_for_selector("#detail svg.strip")
        with this.server.changing() as picture:
            picture["checks"][18][3:7] = ["up", now_ms(), now_ms(), ""]
        until(lambda: "passing" in this.text("#detail .outcome"), 5, "the new state")
        expect(is_open(this), "the detail closed")
