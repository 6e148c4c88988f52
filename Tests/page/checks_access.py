"""Checks with the keyboard alone, for screen readers, of contrast and on a phone."""
from check import PHONE, check, expect, opened, until
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
        faults = this.page.evaluate("""() => {
          const faults = [], name = (e) => (e.getAttribute('aria-label') || (e.getAttribute('aria-labelledby') || '').split(' ')
            .map((id) => document.getElementById(id)?.textContent ?? '').join(' ') || [...(e.labels ?? [])].map((l) => l.textContent)
            .join(' ') || (['BUTTON', 'A', 'OPTION'].includes(e.tagName) ? e.textContent : '')).trim();
          for (const e of document.querySelectorAll('input, select, button, a, nav, dialog, section, table, svg[role=img], [tabindex="0"]')) {
            if (!name(e)) faults.push(`no name: ${e.outerHTML.slice(0, 80)}`);
          }
          for (const id of new Set([...document.querySelectorAll('[id]')].map((e) => e.id))) {
            if (document.querySelectorAll(`[id="${id}"]`).length > 1) faults.push(`twice: ${id}`);
          }
          for (const e of document.querySelectorAll('[aria-labelledby], [aria-describedby], label[for]')) {
            for (const id of `${e.getAttribute('aria-labelledby') ?? ''} ${e.getAttribute('aria-describedby') ?? ''} ${e.htmlFor ?? ''}`
              .split(' ').filter((i) => i)) if (!document.getElementById(id)) faults.push(`no such element: ${id}`);
          }
          for (const e of document.querySelectorAll('thead th')) if (e.scope !== 'col') faults.push('a head of a column without scope');
          for (const r of document.querySelectorAll('#content tbody:not(.spacer) tr')) {
            if (r.firstChild.scope !== 'row') faults.push('a row without head');
            if (r.children.length !== r.closest('table').tHead.rows[0].cells.length) faults.push('cells and columns differ');
          }
          const levels = [...document.querySelectorAll('#app h1, #app h2, #app h3')].map((e) => Number(e.localName[1]));
          if (levels[0] !== 1 || levels.some((level, i) => i && level > levels[i - 1] + 1)) faults.push(`headings ${levels}`);
          if (document.querySelectorAll('main:not([hidden] *, [hidden])').length !== 1) faults.push('not one main');
          if (!document.documentElement.lang) faults.push('no language');
          if (document.querySelector('#verdict').getAttribute('aria-live') !== 'polite') faults.push('the verdict is not live');
          for (const e of document.querySelectorAll('[aria-live], [role=status], [role=alert]')) {
            if (e.querySelector('[data-tick]') || e.matches('[data-tick]')) faults.push('a live region that ticks');
          }
          return faults; }""")
        expect(not faults, "; ".join(faults[:10]))


@check("no state is told by colour alone")
def _(browser):
    with opened(browser) as this:
        tags = this.page.locator("#content .tag.bad, #content .tag.warn, #content .tag.good").all_inner_texts()
        expect(len(tags) > 20 and all(any(letter.isalpha() for letter in tag) for tag in tags), f"{tags}")
        expect(this.text("#verdict-sign") == "✕", this.text("#verdict-sign"))


# For each text that can be seen: its colour and what is behind it, laid over each other as the browser does.
CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const parse = (text) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = '#000'; canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
    const d = canvas.getImageData(0, 0, 1, 1).data; return [d[0], d[1], d[2], d[3] / 255]; };
  const over = (top, below) => top.slice(0, 3).map((c, i) => c * top[3] + below[i] * (1 - top[3])).concat(1);
  const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (e) => { const layers = []; for (let at = e; at; at = at.parentElement) layers.push(parse(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]); };
  const ratio = (one, other) => { const [a, b] = [light(one), light(other)].sort((x, y) => y - x); return (a + 0.05) / (b + 0.05); };
  const found = [];
  const add = (e, style, text) => { const back = behind(e);
    found.push([ratio(over(parse(style.color), back), back), text.trim().slice(0, 40), style.color, e.className || e.id || e.localName]); };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) { const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !e.checkVisibility({visibilityProperty: true}) || e.closest('button:disabled, script, noscript')) continue;
    add(e, getComputedStyle(e), walker.currentNode.data); }
  for (const e of document.querySelectorAll('input')) if (e.checkVisibility()) { add(e, getComputedStyle(e, '::placeholder'), 'placeholder'); }
  for (const e of document.querySelectorAll('.cards td, .cards tbody th')) { const s = getComputedStyle(e, '::before');
    if (s.content !== 'none' && e.checkVisibility()) add(e, s, `label ${e.dataset.label}`); }
  return found; }"""

# What is not text and must be told from what is behind it: 3 to 1.
GRAPHICS = """() => [...document.querySelectorAll('svg.strip rect')].map((e) => [getComputedStyle(e).fill,
  getComputedStyle(e.ownerSVGElement).backgroundColor])"""


def contrast(page, where):
    found = page.evaluate(CONTRAST)
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
                wide = this.page.evaluate("() => Math.max(document.documentElement.scrollWidth, document.getElementById('detail').scrollWidth)")
                expect(wide <= 360, f"the detail: {wide} px wide")


@check("who wants no motion gets none")
def _(browser):
    with opened(browser, reduced_motion="reduce") as this:
        moving = this.page.evaluate("() => [...document.querySelectorAll('*')].filter((e) => { const s = getComputedStyle(e); "
                                    "return parseFloat(s.transitionDuration) > 0 || parseFloat(s.animationDuration) > 0 "
                                    "|| s.scrollBehavior === 'smooth'; }).length")
        expect(moving == 0, f"{moving} elements move")
