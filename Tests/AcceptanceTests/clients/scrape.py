#!/usr/bin/env python3
"""Lets a Prometheus server scrape pages, and says which it takes for good.

usage: scrape.py PROMETHEUS DIRECTORY PORT

DIRECTORY/pages.json is a list of pages: a Content-Type and the page in hexadecimal. Writes a list to DIRECTORY/scraped.json: for each
page "up" or "down", and the server's error. The server's own page is "own".
"""
import http.server
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

PROMETHEUS, DIRECTORY, PORT = sys.argv[1:]
PAGES = json.load(open(f"{DIRECTORY}/pages.json"))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        kind, page = PAGES[int(self.path.strip("/"))]
        body = bytes.fromhex(page)
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True


def targets():
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/api/v1/targets?state=active") as answer:
            return json.load(answer)["data"]["activeTargets"]
    except urllib.error.URLError:
        return []


server = Server(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
jobs = [{"job_name": str(number), "honor_timestamps": False, "metrics_path": f"/{number}",
         "static_configs": [{"targets": [f"127.0.0.1:{server.server_port}"]}]} for number in range(len(PAGES))]
with open(f"{DIRECTORY}/prometheus.yml", "w") as file:
    json.dump({"global": {"scrape_interval": "5s", "scrape_timeout": "5s"}, "scrape_configs": jobs}, file)
process = subprocess.Popen(
    ["setpriv", "--pdeathsig", "KILL", PROMETHEUS, f"--config.file={DIRECTORY}/prometheus.yml", f"--storage.tsdb.path={DIRECTORY}/data",
     f"--web.listen-address=127.0.0.1:{PORT}", "--log.level=error"], stdin=subprocess.DEVNULL)
try:
    for _ in range(120):
        time.sleep(0.5)
        found = targets()
        if len(found) == len(PAGES) and all(target["health"] != "unknown" for target in found):
            break
    else:
        sys.exit(f"only {sum(target['health'] != 'unknown' for target in found)} of {len(PAGES)} pages were scraped")
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/metrics") as answer, open(f"{DIRECTORY}/own", "wb") as file:
        file.write(answer.read())
finally:
    process.terminate()
    process.wait()
results = {int(target["scrapePool"]): [target["health"], target["lastError"]] for target in found}
with open(f"{DIRECTORY}/scraped.json", "w") as file:
    json.dump([results[number] for number in range(len(PAGES))], file)
