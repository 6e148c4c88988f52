"""What the checks of the page are made of: a list of them, a page on a simulated server, and waiting."""
import contextlib, pathlib, re, sys, time
from browser import sign_in
from server import Server, TOKEN, realistic_picture

checks = []
PHONE = {"width": 360, "height": 740}
# Reports what the policy refuses, to the check. An init script is not subject to the policy.
WATCH = ("addEventListener('securitypolicyviolation', "
         "(event) => (window.violations ??= []).push(`${event.violatedDirective} ${event.blockedURI}`))")


def check(name):
    """Makes a function a check with a sentence as its name. It gets a browser, and raises if the sentence is not true."""
    def add(function):
        checks.append((name, function))
        return function
    return add


def expect(condition, why):
    if not condition:
        raise AssertionError(why)


def until(condition, seconds, what):
    """Waits until a condition is true; returns how long that took."""
    start = time.monotonic()
    while not condition():
        expect(time.monotonic() - start < seconds, f"in vain for {seconds} s: {what}")
        time.sleep(0.03)
    return time.monotonic() - start


def script(name):
    """A function of JavaScript, from its file, without the comment above it."""
    text = (pathlib.Path(__file__).parent / f"{name}.js").read_text(encoding="utf-8")
    return re.sub(r"\A(//.*\n)+", "", text)


class Opened:
    """A page, its server, and what was seen in it besides."""

    def __init__(self, page, server):
        self.page, self.server, self.dialogs, self.errors, self.foreign = page, server, [], [], []
        page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: request.url.startswith((server.url, "data:")) or self.foreign.append(request.url))
        page.add_init_script(WATCH)

    def text(self, selector):
        return self.page.locator(selector).text_content() or ""

    def shows(self, selector, text):
        return self.page.locator(selector, has_text=text).count() > 0

    def sound(self):
        """That nothing went wrong unseen."""
        violations = self.page.evaluate("() => window.violations ?? []")
        expect(not violations, f"the policy refused {violations}")
        expect(not self.errors, f"the script failed: {self.errors}")
        expect(not self.dialogs, f"a dialog opened: {self.dialogs}")
        expect(not self.foreign, f"something was loaded from elsewhere: {self.foreign}")

    def violations(self):
        return self.page.evaluate("() => window.violations ?? []")


@contextlib.contextmanager
def opened(browser, picture=None, signed_in=True, sound=True, at="", **options):
    """A page on a server of its own that shows this picture, or a small cluster's."""
    server = Server(picture or realistic_picture())
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, "locale": "en-GB", **options})
    context.set_default_timeout(10_000)
    try:
        this = Opened(context.new_page(), server)
        if signed_in:
            sign_in(this.page, server.url + at, TOKEN)
        else:
            this.page.goto(server.url + at)
        yield this
        if sound:
            this.sound()
    finally:
        context.close()
        server.stop()


def run(browser_of, wanted):
    """Runs the checks whose names contain the text. Returns how many failed."""
    failed, ran = 0, 0
    with browser_of() as browser:
        for name, function in checks:
            if wanted not in name:
                continue
            ran += 1
            try:
                function(browser)
                print(f"ok {name}", flush=True)
            except Exception as error:
                failed += 1
                print(f"FAILED {name}: {re.sub(chr(10) + '+', ' | ', str(error))[:2000]}", flush=True)
    if ran == 0:
        print(f"FAILED no check has '{wanted}' in its name", file=sys.stderr)
        return 1
    return failed
