"""Checks with the keyboard alone, for screen readers, of contrast and on a phone."""
from check import PHONE, check, expect, opened, script, until
from server import TOKEN, empty_picture, now_ms, realistic_picture, scaled_picture


@check("the keyboard alone is enough: sign in, skip, search, walk the rows, open, read, close")
def _(browser):
    with opened(browser, scaled_picture(300, 10), signed_in=False) as this:
        page = this.page
        focused = lambda: page.evaluate("() => document.activeElement.id || document.activeElement.textContent")
        expect(focused() == "token", f"the focus is at {focused()}")
        page.keyboard.type(TOKEN)
        page.keyboard.press("Enter")
        until(lambda: this.text("#verdict") != "", 5, "the verdict")
        for _ in range(7):
            page.keyboard.press("Shift+Tab")
        expect("Skip" in focused(), f"the first stop is {focused()}")
        expect(page.evaluate("() => document.activeElement.getBoundingClientRect().top") >= 0, "the skip link cannot be seen")
        page.keyboard.press("Enter")
        expect(focused() == "content", f"the skip link leads to {focused()}")
        page.keyboard.press("/")
        expect(focused() == "search", f"/ leads to {focused()}")
        page.keyboard.type("ledger")
        page.keyboard.press("ArrowDown")
        first = focused()
        expect("billing-ledger" in first, f"the arrow leads to {first}")
        for _ in range(5):
            page.keyboard.press("ArrowDown")
        expect("billing-ledger" in focused() and focused() != first, f"the arrows lead to {focused()}")
        chosen = focused()
        page.keyboard.press("Enter")
        until(lambda: page.evaluate("() => document.getElementById('detail').open"), 3, "the detail")
        expect(page.evaluate("() => document.getElementById('detail').contains(document.activeElement)"), "the focus is outside")
        for _ in range(6):
            page.keyboard.press("Tab")
            expect(page.evaluate("() => document.activeElement === document.body "
                                 "|| document.getElementById('detail').contains(document.activeElement)"), "the focus left the dialog")
        page.keyboard.press("Escape")
        until(lambda: focused() == chosen, 3, f"the focus to come back to {chosen}, not to {focused()}")
        page.keyboard.press("End")
        last = focused()
        expect(last > chosen, f"End leads to {last}")
        page.keyboard.press("Home")
        expect(focused() == first, f"Home leads to {focused()}")
        box = page.evaluate("() => document.activeElement.getBoundingClientRect().toJSON()")
        expect(48 <= box["top"] and box["bottom"] <= 900, f"the row with the focus is out of sight: {box}")


@check("every stop of the Tab key can be seen")
def _(browser):
    for scheme in ("light", "dark"):
        with opened(browser, color_scheme=scheme) as this:
            this.page.evaluate("() => document.activeElement.blur()")
            stops = 0
            for _ in range(60):
                this.page.keyboard.press("Tab")
                stop = this.page.evaluate("""() => { const e = document.activeElement; if (e === document.body) return null;
                  const style = getComputedStyle(e); return [e.id || e.textContent.trim().slice(0, 40), style.outlineStyle,
                  parseFloat(style.outlineWidth), e.getBoundingClientRect().width]; }""")
                if stop is None:
                    break
                stops += 1
                expect(stop[1] == "solid" and stop[2] >= 2 and stop[3] > 0, f"{stop}")
            expect(stops > 15, f"only {stops} stops")


@check("every control has a name, headings are in order, landmarks and tables have theirs, and no ID is there twice")
def _(browser):
    with opened(browser) as this:
        this.page.click("#failing-table tbody tr:first-child button")
        this.page.wait_for_selector("#detail svg.strip")
        faults = this.page.evaluate(script("faults"))
        expect(not faults, "; ".join(faults[:10]))


@check("no state is told by colour alone")
def _(browser):
    with opened(browser) as this:
        tags = this.page.locator("#content .tag.bad, #content .tag.warn, #content .tag.good").all_inner_texts()
        expect(len(tags) > 20 and all(any(letter.isalpha() for letter in tag) for tag in tags), f"{tags}")
        expect(this.text("#verdict-sign") == "✕", this.text("#verdict-sign"))


def contrast(page, where):
    found = page.evaluate(script("contrast"))
    expect(len(found) > 4, f"{where}: only {len(found)} texts")
    worst = min(found)
    expect(worst[0] >= 4.5, f"{where}: {worst[0]:.2f} for '{worst[1]}' ({worst[2]}, {worst[3]})")
    return worst[0]


@check("every text has a contrast of 4.5 at least, in light and dark, on a phone too")
def _(browser):
    worst = []
    for scheme in ("light", "dark"):
        for window in ({"width": 1280, "height": 900}, PHONE):
            where = f"{scheme}, {window['width']} px"
            with opened(browser, color_scheme=scheme, viewport=window) as this:
                worst.append(contrast(this.page, where))
                with this.server.changing() as picture:
                    picture.update(is_last_known=True, age_ms=18_000, reason="nobody leads", leader=None, warmup_left_s=3,
                                   certificate_expires_ms=now_ms() + 86_400_000)
                until(lambda: "last known" in this.text("#banners"), 5, "the mark")
                worst.append(contrast(this.page, f"{where}, last known"))
                this.page.hover("#failing-table tbody tr:first-child")
                worst.append(contrast(this.page, f"{where}, under the pointer"))
                for row in (1, 2):
                    this.page.locator(f"#checks-table tbody:nth-of-type(2) tr:nth-child({row * 3}) button").click()
                    this.page.wait_for_selector("#detail svg.strip")
                    worst.append(contrast(this.page, f"{where}, detail"))
                    this.page.keyboard.press("Escape")
                    until(lambda: not this.page.evaluate("() => document.getElementById('detail').open"), 3, "closing")
            with opened(browser, empty_picture(), color_scheme=scheme, viewport=window, signed_in=False) as this:
                this.page.fill("#token", "wrong")
                this.page.press("#token", "Enter")
                until(lambda: this.text("#token-error") != "", 5, "the error")
                worst.append(contrast(this.page, f"{where}, signing in"))
            with opened(browser, scaled_picture(30, 2), color_scheme=scheme, viewport=window) as this:
                worst.append(contrast(this.page, f"{where}, all well"))
    print(f"   least contrast: {min(worst):.2f}")


@check("at 360 px nothing is wider than the window, tables are cards, and their cells say what they are")
def _(browser):
    for picture in (realistic_picture(), empty_picture(), scaled_picture(500, 40, failing=60)):
        with opened(browser, picture, viewport=PHONE) as this:
            wide = this.page.evaluate("() => document.documentElement.scrollWidth")
            expect(wide <= 360, f"{wide} px wide")
            out = this.page.evaluate("() => [...document.querySelectorAll('body *')].filter((e) => e.checkVisibility() "
                                     "&& !e.closest('.hidden, thead, .skip, .windowed .cell') && e.getBoundingClientRect().right > 361)"
                                     ".map((e) => e.outerHTML.slice(0, 80))")
            expect(not out, f"{out[:3]}")
            if picture["checks"]:
                label = this.page.evaluate("() => getComputedStyle(document.querySelector('#checks-table tbody:nth-of-type(2) td'), "
                                           "'::before').content")
                expect(label == '"Check"', label)
                heights = this.page.evaluate("() => [...new Set([...document.querySelectorAll('#checks-table tbody:nth-of-type(2) tr')]"
                                             ".map((r) => Math.round(r.getBoundingClientRect().height)))]")
                expect(len(heights) <= 2 and max(heights) - min(heights) <= 1, f"rows of different heights: {heights}")
                this.page.locator("#checks-table tbody:nth-of-type(2) button").first.click()
                this.page.wait_for_selector("#detail svg.strip")
                wide = this.page.evaluate("() => Math.max(document.documentElement.scrollWidth, "
                                          "document.getElementById('detail').scrollWidth)")
                expect(wide <= 360, f"the detail: {wide} px wide")


@check("who wants no motion gets none")
def _(browser):
    with opened(browser, reduced_motion="reduce") as this:
        moving = this.page.evaluate("() => [...document.querySelectorAll('*')].filter((e) => { const s = getComputedStyle(e); "
                                    "return parseFloat(s.transitionDuration) > 0 || parseFloat(s.animationDuration) > 0 "
                                    "|| s.scrollBehavior === 'smooth'; }).length")
        expect(moving == 0, f"{moving} elements move")
