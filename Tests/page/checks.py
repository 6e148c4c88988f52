"""checks.py [TEXT]: tests the page in a real browser, and prints `ok NAME` or `FAILED NAME: why` for each check, or for those
with TEXT in their names. The exit code is 0 if all are ok."""
import sys
from browser import chromium
from check import run
# Each adds its checks to the list, in this order.
import checks_connection, checks_picture, checks_detail, checks_hostile, checks_access, checks_scale  # noqa: F401

if __name__ == "__main__":
    sys.exit(1 if run(chromium, sys.argv[1] if len(sys.argv) > 1 else "") else 0)
