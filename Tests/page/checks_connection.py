"""Checks of signing in, of the token, and of the connection."""
import re, time
from browser import sign_in
from check import check, expect, opened, until
from document import document, literals
from server import TOKEN, now_ms, realistic_picture, scaled_picture


@check("the document is below 100 kB, without inline style, handler or address of elsewhere, and the policy allows it by hash")
def _(browser):
    text = document().decode()
    print(f"   size of the document: {len(text.encode())} bytes")
    expect(len(text.encode()) < 100_000, f"{len(text.encode())} bytes")
    markup = literals()["markup"]
    expect(not re.search(r"\s(style|on\w+)=", markup), "an inline style or handler")
    expect(not re.search(r"(src|href)=\"(?!#|data:,)", text), "an address of elsewhere")
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "localStorage", "sessionStorage",
                 "document.cookie", "eval(", "new Function", "DOMParser"):
        expect(word not in text, f"the script uses {word}")
    with opened(browser, signed_in=False) as this:
        expect(this.page.locator("#signin-form").is_visible(), "the form for signing in is not shown")


@check("a wrong token is refused in words, beside the field, and nothing of the cluster is shown")
def _(browser):
    with opened(browser, signed_in=False) as this:
        page = this.page
        page.fill("#token", "wrong")
        page.press("#token", "Enter")
        until(lambda: "refuses this token" in this.text("#token-error"), 5, "the refusal")
        expect(page.get_attribute("#token", "aria-invalid") == "true", "the field is not marked invalid")
        expect("token-error" in page.get_attribute("#token", "aria-describedby"), "the error is not tied to the field")
        expect(not page.locator("#app").is_visible(), "the page is shown")
        expect("worker-" not in page.locator("body").text_content(), "a node's name is in the document")
        page.fill("#token", "with a space")
        page.press("#token", "Enter")
        until(lambda: "no token" in this.text("#token-error"), 5, "the refusal of what no token is")
        page.fill("#token", TOKEN)
        page.press("#token", "Enter")
        until(lambda: this.text("#verdict") != "", 5, "the verdict, with the right token")
        expect(this.text("#token-error") == "", "the error stays")


@check("the token is in no storage, cookie, address or element")
def _(browser):
    with opened(browser) as this:
        page = this.page
        for opens in (False, True):
            if opens:
                page.click("#failing-table tbody button")
                page.wait_for_selector("#detail svg.strip")
            kept = page.evaluate("() => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href, "
                                 "history.state, document.documentElement.outerHTML, "
                                 "[...document.querySelectorAll('input')].map((i) => i.value), "
                                 "Object.keys(window).filter((k) => typeof window[k] === 'string').map((k) => window[k]), "
                                 "performance.getEntries().map((e) => e.name)])")
            expect(TOKEN not in kept, "the token is kept")
        expect(page.evaluate("() => localStorage.length + sessionStorage.length + document.cookie.length") == 0,
               "something is stored")
        expect(not this.page.context.cookies(), "there is a cookie")
        expect(all(TOKEN not in path and cookie is None for path, _, cookie in this.server.requests),
               "the token is in an address, or a cookie was sent")
        page.reload()
        expect(page.locator("#signin-form").is_visible(), "a reloaded page is still signed in")


@check("a token that is refused later leads back to signing in, and nothing is kept")
def _(browser):
    with opened(browser) as this:
        this.page.fill("#search", "checkout")
        this.page.click("#failing-table tbody button")
        this.page.wait_for_selector("#detail svg.strip")
        this.server.set_token("another")
        until(lambda: this.page.locator("#signin-form").is_visible(), 5, "the form for signing in")
        expect("Sign in again" in this.text("#token-error"), "no reason is given")
        whole = this.page.evaluate("() => document.getElementById('app').textContent + location.href + document.title "
                                   "+ document.getElementById('detail').textContent "
                                   "+ [...document.querySelectorAll('input')].map((i) => i.value)")
        for word in ("worker-", "shop", "checkout", "#check", "10.0.7.31", "failing –"):
            expect(word not in whole, f"'{word}' is still there")


@check("signing out forgets everything and stops asking")
def _(browser):
    with opened(browser) as this:
        this.page.click("#signout")
        expect(this.page.locator("#signin-form").is_visible(), "the form for signing in is not shown")
        expect("worker-" not in this.page.evaluate("() => document.body.textContent"), "a node's name is still there")
        asked = len(this.server.requests)
        with this.server.changing() as picture:
            picture["checks"][0][3] = "down"
        time.sleep(1.5)
        expect(len(this.server.requests) == asked, "the page still asks")


@check("a server that is not ready is said so when signing in, and the page comes as soon as it is")
def _(browser):
    with opened(browser, signed_in=False) as this:
        this.server.set_mode("busy")
        this.page.fill("#token", TOKEN)
        this.page.press("#token", "Enter")
        until(lambda: "the mirror is being read" in this.text("#token-error"), 5, "the reason")
        this.server.set_mode("well")
        until(lambda: this.text("#verdict") != "", 8, "the verdict")


@check("a connection that breaks is said with the time of the data, no verdict stays green, and it is found again")
def _(browser):
    with opened(browser, scaled_picture(20, 3)) as this:
        expect(this.text("#verdict") == "All 20 checks pass", this.text("#verdict"))
        this.server.set_mode("away")
        took = until(lambda: "No word from the server" in this.text("#banners"), 8, "the loss of the connection")
        print(f"   said after {took:.1f} s")
        expect("what you see is as of" in this.text("#banners"), "the time of the data is not said")
        expect("trying again" in this.text("#banners"), "that it tries again is not said")
        expect(this.text("#verdict") == "When last seen: all 20 checks pass", this.text("#verdict"))
        expect("good" not in this.page.get_attribute("#verdict-box", "class"), "the verdict is green")
        before = this.text("#banners")
        until(lambda: this.text("#banners") != before, 4, "the seconds to count on")
        with this.server.changing() as picture:
            picture["checks"][3][3:7] = ["down", now_ms(), now_ms(), "refused"]
        this.server.set_mode("well")
        until(lambda: this.text("#verdict") == "1 check fails", 12, "the picture after the loss")
        until(lambda: not this.page.locator("#banners .banner").first.is_visible(), 2, "the banner to go")


@check("a server that takes calls and never answers is said after 12 s")
def _(browser):
    with opened(browser, scaled_picture(20, 3)) as this:
        with this.server.changing():
            this.server.mode = "silent"
        time.sleep(9)
        expect("No word" not in this.text("#banners"), "the loss is said before the long poll could be over")
        until(lambda: re.search(r"No word from the server for 1\d s; what you see is as of", this.text("#banners")), 8, "the loss")
        this.server.set_mode("well")
        until(lambda: "No word" not in this.text("#banners"), 20, "the connection to be found again")


@check("a server that is busy says why, and the page shows that")
def _(browser):
    with opened(browser) as this:
        this.server.set_mode("busy")
        until(lambda: "the mirror is being read" in this.text("#banners"), 8, "the reason")
        this.server.set_mode("well")
        until(lambda: "the mirror is being read" not in this.text("#banners"), 12, "the banner to go")


@check("an answer that is no picture is never taken for one in which nothing fails")
def _(browser):
    for wrong in ({"checks": None}, {"now_ms": "soon"}, {"checks": [7]}):
        with opened(browser) as this:
            before = this.text("#verdict")
            with this.server.changing() as picture:
                good = dict(picture)
            with this.server.lock:
                this.server.revision += 1
                this.server.picture.update(wrong)
                this.server.lock.notify_all()
            until(lambda: "this page cannot read its answer" in this.text("#banners"), 10, "a banner")
            expect(before[1:] in this.text("#verdict"), f"the verdict became '{this.text('#verdict')}'")
            with this.server.lock:
                this.server.picture.clear()
            with this.server.changing() as picture:
                picture.update({key: value for key, value in good.items()})
            until(lambda: this.text("#verdict") == before, 14, "the right picture")


@check("a picture that is the last one known is marked with its age and the reason")
def _(browser):
    with opened(browser, scaled_picture(20, 3)) as this:
        with this.server.changing() as picture:
            picture.update(is_last_known=True, age_ms=18_000, leader=None,
                           reason="nobody leads: no word from the API server for 18 s")
        until(lambda: "last known picture" in this.text("#banners"), 5, "the mark")
        expect(re.search(r"1[89] s old", this.text("#banners")), f"its age: {this.text('#banners')}")
        expect("no word from the API server for 18 s" in this.text("#banners"), "the reason")
        expect(this.text("#verdict").startswith("When last seen"), this.text("#verdict"))
        expect("good" not in this.page.get_attribute("#verdict-box", "class"), "the verdict is green")
        expect("Nobody leads" in this.text("#facts"), "that nobody leads is not said")
        with this.server.changing() as picture:
            picture.update(realistic_picture())
        until(lambda: "last known" not in this.text("#banners"), 5, "the mark to go")
