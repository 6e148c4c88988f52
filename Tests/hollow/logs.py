"""The endpoint of a kubelet that `kubectl logs` uses: GET /containerLogs/NAMESPACE/POD/CONTAINER over TLS."""

import os
import ssl
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = 10250


def last_lines(data: bytes, count: int) -> bytes:
    """The last lines of a text, or all of them if it has fewer."""
    lines = data.splitlines(keepends=True)
    return b"".join(lines[max(len(lines) - count, 0):])


def serve(address: str, certificate: str, key: str, folder_of):
    """Serves in a thread. `folder_of(namespace, pod, container)` is the folder with one subfolder per start, or None."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            """Nobody reads it."""

        def do_GET(self):
            url = urllib.parse.urlsplit(self.path)
            options = dict(urllib.parse.parse_qsl(url.query))
            parts = url.path.strip("/").split("/")
            path = log_file(folder_of(*parts[1:]), options) if parts[0] == "containerLogs" and len(parts) == 4 else None
            if not path:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.end_headers()
            try:
                self._copy(path, options)
            except OSError:
                # The client has gone.
                pass

        def _copy(self, path: str, options: dict):
            with open(path, "rb") as file:
                data = file.read()
                self.wfile.write(last_lines(data, int(options["tailLines"])) if "tailLines" in options else data)
                while options.get("follow") == "true" and os.path.exists(path):
                    self.wfile.write(file.read())
                    self.wfile.flush()
                    time.sleep(0.3)

    server = ThreadingHTTPServer((address, PORT), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def log_file(folder, options: dict):
    """The log of a container's latest start, or of the previous one, if there is one."""
    if not folder or not os.path.isdir(folder):
        return None
    starts = sorted(int(name) for name in os.listdir(folder))
    wanted = 2 if options.get("previous") == "true" else 1
    path = os.path.join(folder, str(starts[-wanted]), "log") if len(starts) >= wanted else ""
    return path if os.path.exists(path) else None
