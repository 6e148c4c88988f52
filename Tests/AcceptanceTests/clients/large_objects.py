#!/usr/bin/env python3
"""An API server on loopback that lists Services of a kind, and nothing else. Prints the path of its kubeconfig.

usage: large_objects.py FOLDER KIND

  unrelated   320 Services, each with 250 kB of annotations that have nothing to do with checks, and one with a check
  related     320 Services of four namespaces, each with a check of 250 kB
  many        one Service whose endpoints have 9,000 checks each, and 200 endpoints; and one with a check
"""
import http.server
import json
import ssl
import subprocess
import sys
import time
import urllib.parse

FOLDER, KIND = sys.argv[1], sys.argv[2]
PREFIX = "ad.datadoghq.com"


def service(number, annotations, namespace="shop"):
    return {"metadata": {"name": f"service-{number}", "namespace": namespace, "uid": f"uid-{number}", "resourceVersion": "7",
                         "annotations": annotations},
            "spec": {"clusterIP": "127.96.0.1", "ports": [{"port": 80}]}}


def checks(text):
    return json.dumps({"http_check": {"instances": [{"url": "http://%%host%%/", "text": text}]}})


small = service(999, {f"{PREFIX}/service.checks": checks("small")})
services, slices = {
    "unrelated": lambda: ([service(n, {"example.com/blob": "x" * 250_000}) for n in range(320)] + [small], []),
    "related": lambda: ([service(n, {f"{PREFIX}/service.checks": checks("x" * 250_000)}, f"shop-{n % 4}") for n in range(320)], []),
    "many": lambda: (
        [service(0, {f"{PREFIX}/endpoints.checks": json.dumps({f"c{n}": {"instances": [{}]} for n in range(9000)})}), small],
        [{"metadata": {"name": "service-0-a", "namespace": "shop", "uid": "slice", "resourceVersion": "7",
                       "labels": {"kubernetes.io/service-name": "service-0"}},
          "addressType": "IPv4", "ports": [{"port": 80}],
          "endpoints": [{"addresses": [f"127.97.0.{n}"], "conditions": {"ready": True}} for n in range(1, 201)]}]),
}[KIND]()
OBJECTS = {"services": services, "endpointslices": slices}


class Request(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, body, status=200):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        try:
            self.wfile.write(data)
        except OSError:
            pass  # The page was too large, and the client has closed the connection.

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body.get("kind") == "SelfSubjectAccessReview":
            body["status"] = {"allowed": True}
        self.answer(body, 201)

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        objects = OBJECTS.get(url.path.rsplit("/", 1)[1])
        if url.path == "/apis/discovery.k8s.io":
            return self.answer({"kind": "APIGroup", "versions": [{"groupVersion": "discovery.k8s.io/v1", "version": "v1"}]})
        if objects is None:
            return self.answer({"kind": "Status", "code": 404, "reason": "NotFound", "message": self.path}, 404)
        if query.get("watch") in ("1", "true"):
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            return time.sleep(3600)
        begin = int(query.get("continue", 0))
        end = begin + int(query.get("limit", len(objects) or 1))
        metadata = {"resourceVersion": "100"}
        if end < len(objects):
            metadata["continue"] = str(end)
        self.answer({"kind": "List", "metadata": metadata, "items": objects[begin:end]})


subprocess.run(
    ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
     "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{FOLDER}/api.key", "-out", f"{FOLDER}/api.pem"],
    check=True, stderr=subprocess.DEVNULL)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Request)
server.daemon_threads = True
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{FOLDER}/api.pem", f"{FOLDER}/api.key")
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
with open(f"{FOLDER}/kubeconfig.json", "w", encoding="ascii") as file:
    json.dump({
        "apiVersion": "v1", "kind": "Config", "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "clusters": [{"name": "it", "cluster": {
            "server": f"https://127.0.0.1:{server.server_port}", "certificate-authority": f"{FOLDER}/api.pem"}}],
        "users": [{"name": "it", "user": {"token": "none"}}]}, file)
print("serving", flush=True)
server.serve_forever()
