"""A runner that takes 30 s for its statistics, at HOST:PORT over TLS; and a web server whose checks of runners succeed.

    python3 slow_runner.py FOLDER HOST PORT

Its first line of output is `{"web": PORT}`.
"""
import http.server
import json
import ssl
import subprocess
import sys
import threading
import time

FOLDER, HOST, PORT = sys.argv[1], sys.argv[2], int(sys.argv[3])
SECONDS = 30


class Web(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Runner(Web):
    def do_GET(self):
        time.sleep(SECONDS)
        body = json.dumps({"Workers": {"Count": 4, "Instances": {}}} if self.path.endswith("workers") else {}).encode()
        try:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            # Nobody waits any more.
            pass


subprocess.run(
    ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=runner",
     "-keyout", f"{FOLDER}/runner.key", "-out", f"{FOLDER}/runner.pem"], check=True, stderr=subprocess.DEVNULL)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{FOLDER}/runner.pem", f"{FOLDER}/runner.key")
runner = http.server.ThreadingHTTPServer((HOST, PORT), Runner)
runner.daemon_threads = True
runner.socket = context.wrap_socket(runner.socket, server_side=True, do_handshake_on_connect=False)
threading.Thread(target=runner.serve_forever, daemon=True).start()
web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
print(json.dumps({"web": web.server_port}), flush=True)
web.serve_forever()
