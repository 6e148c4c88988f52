#!/usr/bin/env python3
"""Two API servers that know nothing of each other, for two replicas: each becomes leader by its own, until both are told that the other one leads.

usage: two_kubernetes.py DIRECTORY

Writes DIRECTORY/kubernetes-0.json and -1.json, kubeconfigs, and prints {"control": PORT, "ports": [PORT, PORT]}. Each keeps one Lease as a real one
does (resourceVersion, conflicts, watches); every other list is empty and every permission is there.

On the control port, plain HTTP:
  GET /leases   [LEASE or null, LEASE or null]
  POST /swap    From now on each shows the Lease of the other one's replica, with its address and key, renewed 5 times a second, and refuses
                every write of it. It is as if two clusters' networks had been exchanged: nobody leads, and both believe that somebody does.
"""
import base64
import datetime
import http.server
import json
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse

DIRECTORY = sys.argv[1]
TOKEN = "kubernetes-token"
EMPTY = {"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": []}


class Lease:
    """The one Lease of an API server."""

    def __init__(self):
        self.changed = threading.Condition()
        self.object, self.version, self.is_foreign = None, 1, False

    def store(self, given):
        """The stored object, or None if it is based on another version, or must not be written."""
        with self.changed:
            based = given["metadata"].get("resourceVersion")
            current = self.object and self.object["metadata"]["resourceVersion"]
            if self.is_foreign or based != current:
                return None
            return self.put(given)

    def put(self, given):
        self.version += 1
        metadata = {**given["metadata"], "resourceVersion": str(self.version)}
        metadata.setdefault("uid", f"uid-{id(self)}")
        self.object = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", **given, "metadata": metadata}
        self.changed.notify_all()
        return self.object

    def show(self, foreign):
        with self.changed:
            self.is_foreign = True
            uid = self.object["metadata"]["uid"]
            renewed = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            self.put({**foreign, "metadata": {**foreign["metadata"], "uid": uid}, "spec": {**foreign["spec"], "renewTime": renewed}})


leases = [Lease(), Lease()]


class APIServer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self, status, value):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def refuse(self, status, reason):
        self.answer(status, {
            "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": reason, "code": status})

    def body(self):
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")

    @property
    def lease(self):
        return leases[self.server.index]

    def do_GET(self):
        address = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(address.query)
        is_lease = "/leases" in address.path
        if query.get("watch") == ["true"]:
            return self.watch(is_lease, float(query.get("timeoutSeconds", ["300"])[0]))
        if address.path == "/apis/discovery.k8s.io":
            return self.answer(200, {"kind": "APIGroup", "versions": [{"groupVersion": "discovery.k8s.io/v1", "version": "v1"}]})
        if not is_lease:
            return self.answer(200, EMPTY)
        with self.lease.changed:
            stored, version = self.lease.object, self.lease.version
        if address.path.endswith("/leases"):
            return self.answer(200, {**EMPTY, "metadata": {"resourceVersion": str(version)}, "items": [stored] if stored else []})
        return self.answer(200, stored) if stored else self.refuse(404, "NotFound")

    def watch(self, is_lease, seconds):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        end, seen = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            with self.lease.changed:
                self.lease.changed.wait(1)
                stored, version = self.lease.object, self.lease.version
            if is_lease and stored and version != seen:
                seen = version
                self.chunk(json.dumps({"type": "MODIFIED", "object": stored}).encode() + b"\n")
        self.chunk(b"")

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def do_POST(self):
        given = self.body()
        if self.path.endswith("/selfsubjectaccessreviews"):
            return self.answer(201, {**given, "status": {"allowed": True}})
        if "/leases" not in self.path:
            return self.answer(201, given)
        stored = self.lease.store(given)
        return self.answer(201, stored) if stored else self.refuse(409, "AlreadyExists")

    def do_PUT(self):
        stored = self.lease.store(self.body())
        return self.answer(200, stored) if stored else self.refuse(409, "Conflict")


class Control(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    log_message = APIServer.log_message
    answer = APIServer.answer

    def do_GET(self):
        self.answer(200, [lease.object for lease in leases])

    def do_POST(self):
        foreign = [leases[1].object, leases[0].object]
        for lease, other in zip(leases, foreign):
            lease.show(other)
        threading.Thread(target=renew, args=(foreign,), daemon=True).start()
        self.answer(200, foreign)


def renew(foreign):
    while True:
        time.sleep(0.2)
        for lease, other in zip(leases, foreign):
            lease.show(other)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, address):
        """Who asked has gone."""


def main():
    certificate, key = f"{DIRECTORY}/kubernetes.pem", f"{DIRECTORY}/kubernetes.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
         "/CN=kubernetes", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, stderr=subprocess.DEVNULL)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    tls.set_alpn_protocols(["http/1.1"])
    authority = base64.b64encode(open(certificate, "rb").read()).decode()
    servers = []
    for index in (0, 1):
        server = Server(("127.0.0.1", 0), APIServer)
        server.index = index
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        address = f"https://127.0.0.1:{server.server_address[1]}"
        with open(f"{DIRECTORY}/kubernetes-{index}.json", "w") as file:
            json.dump({
                "apiVersion": "v1", "kind": "Config", "current-context": "test",
                "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
                "clusters": [{"name": "test", "cluster": {"server": address, "certificate-authority-data": authority}}],
                "users": [{"name": "test", "user": {"token": TOKEN}}],
            }, file)
        servers.append(server)
    control = Server(("127.0.0.1", 0), Control)
    for server in (*servers, control):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    ports = [server.server_address[1] for server in servers]
    print(json.dumps({"control": control.server_address[1], "ports": ports}), flush=True)
    threading.Event().wait()


main()
