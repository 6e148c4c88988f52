"""Checks that no text becomes markup, leads elsewhere or hides another."""
from check import PHONE, check, expect, opened, script, until
from server import empty_picture, node, now_ms

TEXTS = {
    "an image with a handler": "<img src=x onerror=alert(1)>",
    "a script": "<script>alert(1)</script><script src=http://192.0.2.1/x.js></script>",
    "the end of an attribute": "\"'><svg onload=alert(1)><iframe srcdoc='<script>alert(1)</script>'>",
    "the end of a style": "</style></textarea></title><style>@import 'http://192.0.2.1/x.css';</style>",
    "a link": "<a href=javascript:alert(1)>x</a><base href=http://192.0.2.1/><meta http-equiv=refresh content=0>",
    "an address of a script": "javascript:alert(1)",
    "bidirectional controls": "\u202egnp.exe\u2066\u2067\u200f\u061c",
    "control characters": "\x1b[31mred\x07\x00\x9b\r\n\t\u2028",
    "10 kB of one word": "W" * 10_000,
    "10 kB of a right-to-left word": "\u05d0" * 10_000,
    "heaps of marks": "a" + "\u0300" * 500,
    "half a character": "\ud800x\udfff",
    "a name of JavaScript's own": "__proto__",
    "another": "constructor",
    "an entity": "&lt;img src=x onerror=alert(1)&gt;",
    "a template": "${alert(1)}{{7*7}}",
}
# All that the page is made of.
ELEMENTS = set("a bdi button code dd details dialog div dl dt form h1 h2 h3 header input kbd label li main nav noscript option p "
               "pre rect script section select span strong svg table tbody td th thead time title tr ul".split())


def hostile_picture(text):
    """A picture with this text wherever there is one, and where there should be none."""
    now, picture = now_ms(), empty_picture()
    picture.update(
        answered_by=text, reason=text, is_last_known=True, leader={"name": text, "since_ms": text},
        replicas=[{"name": text, "role": text}, text, None], warmup_left_s=text, api_contact_ms=text, certificate_expires_ms=text,
        nodes=[node(text, pod=text, address=text, kind=text, conditions=[text, text], silent_ms=text, cost=text, capacity=text,
                    load=text), node("well", conditions=["cordoned"]), None],
        checks=[[f"{text}{index}", f"{scheme}{text}", place, state, now, now, text, 1] for index, (state, scheme, place) in
                enumerate([("down", "", 0), ("down", "kube_service://", 1), ("unassigned", "file:", -1), ("stale", "x://", 99),
                           ("unknown", "", text), (text, "", 0), ("up", "", 0)])]
        + [[text, text, text, text, text, text, text, text]],
        problems=[{"object": text, "reason": text, "severity": "error", "since": text, "keeps_last": True},
                  {"object": f"kube_service://{text}", "reason": text, "severity": text, "since": "", "keeps_last": text}, None],
        history=[{"time_ms": now, "kind": kind, "check": text, "config": f"kube_service:kube_service://{text}#{text}#0",
                  "from": text, "node": text, "reason": text}
                 for kind in ("added", "moved", "dangles", "operator", "intent", text)]
        + [{"time_ms": now, "kind": "lost", "node": text, "reason": text}, {"time_ms": text, "kind": "joined", "node": text}])
    return picture


def hostile_explanation(text):
    return {
        "check": text, "source": text, "node": text, "reason": text, "eligible": 3, "cost": 1, "cost_known_from": text,
        "obstacles": [{"node": text, "reason": text}], "stays_because": [text], "next_node": text,
        "definition": {text: text, "instances": [{text: [text, {"__proto__": text}]}]},
        "result": {"up": False, "kind": text, "reason": text, "succeeded": text, "took_ms": text},
        "strip": {"slot_ms": text, "from_ms": now_ms(), "slots": text}}


def look(this, name, begin):
    """What the document is made of now."""
    found = this.page.evaluate(script("parts"), begin)
    expect(set(found["names"]) <= ELEMENTS, f"{name}: elements {set(found['names']) - ELEMENTS}")
    expect(found["scripts"] == 1 and found["styles"] == 1, f"{name}: {found['scripts']} scripts, {found['styles']} styles")
    expect(found["links"] == 0 and found["handlers"] == 0, f"{name}: a link or a handler")
    expect(not found["raw"], f"{name}: a control character is in the document as it is")
    expect(found["isolated"], f"{name}: a text is not isolated")
    expect(not found["mixed"], f"{name}: not isolated: {found['mixed'][:3]}")
    expect(found["tall"] < 1000, f"{name}: a row of {found['tall']} px")
    expect(found["wide"] <= 0, f"{name}: {found['wide']} px wider than the window")


@check("no text in any field makes an element, runs, loads, breaks the policy, turns the order of letters or widens the page")
def _(browser):
    for window in (PHONE, {"width": 1280, "height": 900}):
        with opened(browser, empty_picture(), viewport=window) as this:
            this.server.explanation = None
            for name, text in TEXTS.items():
                with this.server.changing() as picture:
                    picture.update(hostile_picture(text))
                until(lambda: this.page.evaluate("() => document.querySelectorAll('#failing-table tbody tr').length") == 2, 6,
                      f"{name}: the picture")
                until(lambda: this.page.evaluate("(text) => [...document.querySelectorAll('#failing-table td:nth-child(4) bdi')]"
                                                 ".some((e) => e.textContent.slice(0, 1) === text)", first_shown(text)), 6,
                      f"{name}: the text")
                look(this, name, beginning(text))
                this.server.explanation = lambda check, text=text: hostile_explanation(text)
                this.page.click("#failing-table tbody tr:first-child button")
                this.page.wait_for_selector("#detail svg.strip")
                look(this, f"{name}, in the detail", beginning(text))
                this.page.keyboard.press("Escape")
                until(lambda: not this.page.evaluate("() => document.getElementById('detail').open"), 3, "the detail to close")
                this.sound()
                this.page.evaluate("() => { for (const row of document.querySelectorAll('#failing-table bdi')) row.textContent = ''; }")


def beginning(text):
    """A few letters as they are shown, if they are none of the page's own."""
    return "\u05d0" * 9 if text[0] == "\u05d0" else text[:12] if text.isascii() and text[:9].isprintable() and "script" not in text else ""


def first_shown(text):
    """The first character that the page shows of a text."""
    first = text[:1]
    return first if first.isprintable() and not 0x2000 < ord(first) < 0x2070 and not 0xD800 <= ord(first) < 0xE000 else "\\"


@check("control characters and those that turn the direction are shown as what they are")
def _(browser):
    with opened(browser, hostile_picture("\u202ea\x1bb")) as this:
        shown = this.page.locator("#failing-table tbody tr:first-child td:nth-child(4)").inner_text()
        expect(shown == "\\u{202e}a\\u{1b}b", shown)


@check("markup that the script would set is refused by the policy")
def _(browser):
    with opened(browser, sound=False) as this:
        refused = this.page.evaluate("() => { try { document.createElement('div').innerHTML = '<b>x</b>'; return false; } "
                                     "catch { return true; } }")
        expect(refused and this.violations(), "markup can be set: the policy is not in force")
