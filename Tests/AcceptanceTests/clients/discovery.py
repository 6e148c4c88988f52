"""HTTP service discovery that works or fails as the file DIRECTORY/mode says: a number of targets, `html`, `half`, `huge`
or `hang`. It writes its port to DIRECTORY/port, and the condition of each request with the status to its output."""

import http.server
import json
import os
import sys
import time

directory = sys.argv[1]


class Discovery(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open(f"{directory}/mode") as file:
            mode = file.read().strip()
        condition = self.headers.get("If-None-Match", "-")
        if mode == "hang":
            print("hang", flush=True)
            time.sleep(600)
        if mode == "huge":
            print("huge", flush=True)
            self.send_response(200)
            self.send_header("Content-Length", str(1 << 30))
            self.end_headers()
            for _ in range(1 << 10):
                self.wfile.write(b"[" * (1 << 20))
            return
        if mode == "html":
            body, tag = b"<html>no</html>", None
        else:
            count = 300 if mode == "half" else int(mode)
            targets = [f"10.0.{number // 250}.{number % 250}:9100" for number in range(count)]
            body = json.dumps([{"targets": targets, "labels": {"env": "prod", "__meta_rack": "r1"}}]).encode()
            tag = None if mode == "half" else f'"{count}"'
            body = body[: len(body) // 2] if mode == "half" else body
        status = 304 if tag and condition == tag else 200
        print(condition, status, self.headers["X-Prometheus-Refresh-Interval-Seconds"], flush=True)
        self.send_response(status)
        if tag:
            self.send_header("ETag", tag)
        if status == 200:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status == 200:
            self.wfile.write(body)

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
        except ConnectionError:
            pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Discovery)
server.daemon_threads = True
with open(f"{directory}/port.new", "w") as file:
    file.write(str(server.server_port))
os.rename(f"{directory}/port.new", f"{directory}/port")
server.serve_forever()
