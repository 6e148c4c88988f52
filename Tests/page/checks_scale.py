"""Checks with 10,000 checks on 1,000 nodes."""
import json, time
from check import check, expect, opened, until
from server import TOKEN, now_ms, scaled_picture

ROWS = "() => document.querySelectorAll('tr').length"
# Resolves with the time from the Enter key until what came of it was painted.
PAINTED = """() => { window.painted = new Promise((done) => {
  let start = 0;
  addEventListener('keydown', (event) => { if (event.key === 'Enter') start = performance.now(); }, {capture: true, once: true});
  new MutationObserver(() => requestAnimationFrame(() => setTimeout(() => done(performance.now() - start))))
    .observe(document.getElementById('verdict'), {childList: true, characterData: true, subtree: true}); }); }"""


def large_picture():
    picture = scaled_picture(10_000, 1_000, failing=3_000)
    now = now_ms()
    for index in range(300):
        picture["checks"][9_000 + index][2:4] = [-1, "unassigned"]
        picture["checks"][9_000 + index][6] = "no node matches the selector"
    picture["problems"] = [{"object": f"kube_service://shop/db-{index}", "reason": "annotation: no JSON", "severity": "error",
                            "since": "", "keeps_last": False} for index in range(1_000)]
    picture["history"] = [{"time_ms": now - 1000 * (500 - index), "kind": "moved", "check": picture["checks"][index][0],
                           "config": f"kube_service:{picture['checks'][index][1]}#x#0", "from": "worker-0001", "node": "worker-0002",
                           "reason": "lost"} for index in range(500)]
    return picture


def tasks(trace):
    """The durations in ms of the tasks of the page's main thread, and the processor's time in them."""
    events = json.loads(trace)["traceEvents"]
    threads = {(event["pid"], event["tid"]) for event in events
               if event.get("name") == "thread_name" and event["args"]["name"] == "CrRendererMain"}
    found = [(event["dur"] / 1000, event.get("tdur", 0) / 1000) for event in events
             if event.get("ph") == "X" and event["name"] == "ThreadControllerImpl::RunTask"
             and (event["pid"], event["tid"]) in threads]
    expect(len(found) > 50, f"the trace has only {len(found)} tasks of the main thread")
    return sorted(found, reverse=True)


def traced(browser, page, action):
    browser.start_tracing(page=page, categories=["toplevel"])
    action()
    return tasks(browser.stop_tracing())


def under_200_ms(attempt):
    """Runs what is traced up to three times: a machine that does other things too makes tasks wait. How long the processor
    worked in them counts each time."""
    for _ in range(3):
        longest = attempt()
        print("   longest tasks: " + ", ".join(f"{wall:.0f} ms ({cpu:.0f} of the processor)" for wall, cpu in longest[:4]))
        expect(max(cpu for _, cpu in longest) < 200, "a task that takes the processor for 200 ms")
        if longest[0][0] < 200:
            return
    raise AssertionError(f"a task of {longest[0][0]:.0f} ms in each of three attempts")


@check("10,000 checks on 1,000 nodes are shown in under 2,000 rows, and none of the page's tasks takes 200 ms meanwhile")
def _(browser):
    def attempt():
        with opened(browser, large_picture(), signed_in=False) as this:
            page = this.page
            page.evaluate(PAINTED)
            page.fill("#token", TOKEN)

            def sign_in():
                page.press("#token", "Enter")
                print(f"   first paint with 10,000 checks: {page.evaluate('() => window.painted'):.0f} ms after Enter, "
                      f"answer of {len(this.server.encoded()) / 1e6:.2f} MB")
            longest = traced(browser, page, sign_in)
            first = page.evaluate("() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1")
            print(f"   first paint of the document: {first:.0f} ms")
            expect(this.text("#verdict").startswith("3,000 checks fail, 300 run nowhere"), this.text("#verdict"))
            most = page.evaluate(ROWS)
            for step in range(0, 300_000, 40_000):
                page.evaluate("(y) => scrollTo(0, y)", step)
                page.wait_for_timeout(60)
                most = max(most, page.evaluate(ROWS))
            print(f"   rows in the document: {most} at most")
            expect(most < 2_000, f"{most} rows")
            return longest
    under_200_ms(attempt)


@check("filtering 10,000 checks, scrolling and taking a new picture have no task over 200 ms in the trace")
def _(browser):
    with opened(browser, large_picture()) as this:
        page = this.page

        def work():
            page.locator("#search").focus()
            page.keyboard.type("billing checkout", delay=30)
            for _ in range(9):
                page.keyboard.press("Backspace")
            until(lambda: this.text("#checks-count") == "1,250 of 10,000 checks", 5, "what was found")
            page.keyboard.press("Control+a")
            page.keyboard.press("Delete")
            for state in ("down", "up", "unassigned", ""):
                page.select_option("#state", state)
            for _ in range(20):
                page.mouse.wheel(0, 4_000)
                page.wait_for_timeout(20)
            for turn in range(3):
                answers = this.server.overview_answers
                with this.server.changing() as picture:
                    for row in picture["checks"][:500]:
                        row[3] = "down" if turn % 2 else "up"
                until(lambda: this.server.overview_answers > answers, 5, "the picture")
                page.wait_for_timeout(500)
        page.mouse.move(600, 500)
        under_200_ms(lambda: traced(browser, page, work))


@check("rows far down are there when scrolled to, and the arrow keys go on from a row that was scrolled away")
def _(browser):
    with opened(browser, scaled_picture(10_000, 1_000)) as this:
        page = this.page
        page.keyboard.press("/")
        page.keyboard.press("ArrowDown")
        first = page.evaluate("() => document.activeElement.textContent")
        page.evaluate("() => scrollTo(0, document.documentElement.scrollHeight / 2)")
        page.wait_for_timeout(200)
        seen = page.evaluate("() => { const r = document.elementFromPoint(300, 500)?.closest('tr'); return r?.textContent; }")
        expect(seen and "worker-" in seen, f"nothing is shown half way down: {seen}")
        page.keyboard.press("ArrowDown")
        second = page.evaluate("() => document.activeElement.textContent")
        expect(first != second and ":" in second, f"{first}, then {second}")
        place = page.evaluate("() => document.activeElement.closest('tr').getAttribute('aria-rowindex')")
        expect(place == "3" and page.get_attribute("#checks-table", "aria-rowcount") == "10001", f"row {place}")
