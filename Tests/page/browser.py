"""A headless Chromium, and a page of it that is signed in."""
import contextlib, re
from playwright.sync_api import sync_playwright

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


@contextlib.contextmanager
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def sign_in(page, url, token, seconds=20):
    """Opens the page and signs in; returns once it shows a verdict."""
    page.goto(url)
    page.fill("#token", token)
    page.press("#token", "Enter")
    page.locator("#verdict", has_text=re.compile(".")).wait_for(timeout=seconds * 1000)
