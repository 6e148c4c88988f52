"""screenshots.py OUT: writes light.png, dark.png, phone.png and detail.png of the page with the data of a small cluster."""
import io, pathlib, sys
from PIL import Image
from browser import chromium, sign_in
from server import Server, TOKEN, realistic_picture

DESKTOP, PHONE = {"width": 1280, "height": 1000}, {"width": 360, "height": 780}
# name: (window, scheme, what is done before the picture is taken)
SHOTS = {
    "light": (DESKTOP, "light", None),
    "dark": (DESKTOP, "dark", None),
    "phone": (PHONE, "light", None),
    "detail": (DESKTOP, "dark", lambda page: open_first(page)),
}


def open_first(page):
    page.click("#failing-table tbody button")
    page.wait_for_selector("#detail svg.strip")


def take(browser, url, name, out):
    window, scheme, then = SHOTS[name]
    context = browser.new_context(viewport=window, color_scheme=scheme, reduced_motion="reduce", locale="en-GB")
    page = context.new_page()
    sign_in(page, url, TOKEN)
    if then:
        then(page)
    whole = Image.open(io.BytesIO(page.screenshot()))
    # A palette of 256 colours, which the page does not exhaust but for the edges of letters.
    whole.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(out / f"{name}.png", optimize=True)
    context.close()


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: screenshots.py OUT")
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    server = Server(realistic_picture())
    try:
        with chromium() as browser:
            for name in SHOTS:
                take(browser, server.url, name, out)
    finally:
        server.stop()
    for name in SHOTS:
        size = (out / f"{name}.png").stat().st_size
        print(f"{name}.png: {size} bytes")
        if size >= 150_000:
            sys.exit(f"screenshots.py: {name}.png has {size} bytes, more than 150 kB")


if __name__ == "__main__":
    main()
