"""observe.py URL TOKEN: opens the page in a real browser, whatever its certificate, signs in, and prints a line of JSON
whenever what it shows changes; ages are left out, as they change all the time. Ends on SIGTERM, or when its parent
ends."""
import json, os, signal, sys
from browser import chromium, sign_in

SHOWN = """() => {
  const text = (e) => e?.innerText.trim().replace(/\\s+/g, ' ') ?? '';
  const cells = (r, keep) => [...r.cells].filter((c, i) => keep.includes(i)).map(text);
  const visible = (e) => e.checkVisibility();
  const facts = Object.fromEntries([...document.querySelectorAll('#facts > div')].map((d) => [text(d.children[0]), d.children[1]]));
  return {
    signed_in: !document.getElementById('app').hidden,
    verdict: text(document.getElementById('verdict')),
    failing: [...document.querySelectorAll('#failing-table tbody tr')].map((r) => { const [source, check, node, reason] =
      cells(r, [0, 1, 2, 3]); return {source: text(r.cells[0].querySelector('bdi')), check, node, reason}; }),
    problems: [...document.querySelectorAll('#problems-table tbody tr')].map((r) => cells(r, [0, 1, 2]).join(' | ')),
    history: [...document.querySelectorAll('#history-table tbody tr')].slice(0, 20).map((r) => cells(r, [1, 2, 3, 4]).join(' | ')),
    nodes: [...document.querySelectorAll('#nodes-table tbody tr')].map((r) => ({node: text(r.cells[0].querySelector('bdi')),
      conditions: text(r.cells[4])})),
    connection: [...document.querySelectorAll('#banners .banner')].filter(visible).map((b) => text(b.querySelector('strong'))).join('; ')
      || 'well',
    leader: text(facts.Leader?.querySelector('bdi')),
    replicas: [...(facts.Replicas?.children ?? [])].map(text),
    answered_by: text(facts.Data?.querySelector('bdi')),
    error: text(document.getElementById('token-error')),
  };
}"""


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: observe.py URL TOKEN")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    parent = os.getppid()
    with chromium() as browser:
        page = browser.new_context(ignore_https_errors=True, viewport={"width": 1280, "height": 900}).new_page()
        page.on("dialog", lambda dialog: dialog.dismiss())
        page.on("pageerror", lambda error: print(json.dumps({"script_error": str(error)}), flush=True))
        sign_in(page, *sys.argv[1:], seconds=60)
        last = None
        while os.getppid() == parent:
            # The browser's events come while a call waits for it.
            page.wait_for_timeout(100)
            shown = page.evaluate(SHOWN)
            if shown != last:
                print(json.dumps(shown), flush=True)
                last = shown


if __name__ == "__main__":
    main()
