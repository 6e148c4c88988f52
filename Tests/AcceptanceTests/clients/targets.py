#!/usr/bin/env python3
"""Targets of checks that lie, stall, flood or expire, each on a port of its own on 127.0.0.1.

usage: targets.py DIRECTORY

Writes certificates to DIRECTORY and, when all targets listen, targets.json: for each a name, a check and its instance, the verdict
that upstream documents, and the kind of failure that is expected here ("up" for none). Runs until it is ended.
"""
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import warnings
import zlib

DIRECTORY = sys.argv[1]
TARGETS = []
# TLS 1.1 is old on purpose.
warnings.simplefilter("ignore", DeprecationWarning)


def listen(serve, context=None):
    """Serves each connection on a thread; returns the port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def one(connection):
        try:
            connection.settimeout(120)
            if context:
                connection = context.wrap_socket(connection, server_side=True)
            serve(connection)
        except OSError:
            pass
        finally:
            connection.close()

    def run():
        while True:
            threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=run, daemon=True).start()
    return listener.getsockname()[1]


def request_of(connection):
    """Reads a request's header; returns its path."""
    seen = b""
    while b"\r\n\r\n" not in seen:
        more = connection.recv(4096)
        if not more:
            raise OSError("closed")
        seen += more
    return seen.split()[1].decode()


def answer(head, body=b"", repeat=False, pause=0.0):
    """A server that reads a request and sends a header and a body, perhaps without end, a byte at a time with a pause."""

    def serve(connection):
        request_of(connection)
        text = ("HTTP/1.1 " + head + "\r\n\r\n").encode() if head else b""
        if pause:
            for byte in text + body * 1000:
                connection.sendall(bytes([byte]))
                time.sleep(pause)
        connection.sendall(text + body)
        while repeat:
            connection.sendall(body)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)

    return serve


def endless_headers(connection):
    request_of(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    number = 0
    while True:
        connection.sendall(f"X-{number}: {'y' * 1000}\r\n".encode())
        number += 1


def redirects(connection):
    number = int(request_of(connection).strip("/") or 0)
    head = f"302 Found\r\nLocation: /{number + 1}" if number < 1000 else "200 OK"
    connection.sendall(f"HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())


def stall_after(text):
    def serve(connection):
        request_of(connection)
        connection.sendall(text)
        connection.recv(1)

    return serve


def silent(connection):
    while connection.recv(4096):
        pass


def drip(connection):
    """A TLS record of 16 KiB, a byte a second."""
    for byte in b"\x16\x03\x03\x40\x00" + bytes(16384):
        connection.sendall(bytes([byte]))
        time.sleep(1)


def bomb():
    """256 MiB of zeros, in gzip."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(256)) + packer.flush()


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], cwd=DIRECTORY, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_authority():
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650", "-subj", "/CN=test CA",
            "-out", "ca.pem", "-keyout", "ca.key")


def make_certificate(name, names, start, end, authority="ca"):
    """A certificate under the authority (or its own), from `start` to `end` days from now."""
    with open(f"{DIRECTORY}/{name}.cnf", "w") as file:
        file.write("[req]\ndistinguished_name=dn\n[dn]\n[ext]\nsubjectAltName=@names\n[names]\n" + "\n".join(names) + "\n")
        file.write(f"[ca]\ndefault_ca=own\n[own]\ndatabase={name}.index\nserial={name}.serial\nnew_certs_dir=.\ndefault_md=sha256\n")
        file.write("policy=any\n[any]\ncommonName=optional\n")
    open(f"{DIRECTORY}/{name}.index", "w").close()
    with open(f"{DIRECTORY}/{name}.serial", "w") as file:
        file.write("%08x\n" % (abs(hash(name)) % (1 << 31)))
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-out",
            f"{name}.csr", "-keyout", f"{name}.key")
    when = lambda days: time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * 86400))
    signer = ["-cert", f"{authority}.pem", "-keyfile", f"{authority}.key"] if authority else ["-selfsign", "-keyfile", f"{name}.key"]
    openssl("ca", "-config", f"{name}.cnf", "-extensions", "ext", "-batch", "-notext", "-in", f"{name}.csr", "-out", f"{name}.pem",
            "-startdate", when(start), "-enddate", when(end), *signer)


def tls_server(name, serve=answer("200 OK\r\nContent-Length: 2", b"ok"), oldest=False, by_name=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if oldest:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.load_cert_chain(f"{DIRECTORY}/{name}.pem", f"{DIRECTORY}/{name}.key")
    if by_name:
        other = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        other.load_cert_chain(f"{DIRECTORY}/{by_name[1]}.pem", f"{DIRECTORY}/{by_name[1]}.key")

        def choose(connection, wanted, _):
            if wanted == by_name[0]:
                connection.context = other

        context.sni_callback = choose
    return listen(serve, context)


def add(name, check, expected, upstream, **instance):
    instance.setdefault("timeout", 3)
    instance.setdefault("min_collection_interval", 4)
    TARGETS.append({"name": name, "check": check, "instance": {**instance, "name": name}, "expected": expected, "upstream": upstream})


def http(name, port, expected, upstream, scheme="http", **options):
    add(name, "http_check", expected, upstream, url=f"{scheme}://127.0.0.1:{port}/", **options)


def tls(name, port, expected, upstream, **options):
    add(name, "tls", expected, upstream, server="127.0.0.1", port=port, tls_ca_cert=f"{DIRECTORY}/ca.pem", **options)


def add_floods():
    http("endless headers", listen(endless_headers), "malformed", "CRITICAL: too many headers")
    port = listen(answer("200 OK", b"x" * 65536, repeat=True))
    http("endless body, status alone", port, "up", "CRITICAL or none: memory grows until the agent is killed")
    http("endless body, content_match", port, "malformed", "none: memory grows until the agent is killed", content_match="y")
    add("endless exposition", "prometheus", "malformed", "none: memory grows until the agent is killed",
        prometheus_url=f"http://127.0.0.1:{port}/")
    packed = bomb()
    port = listen(answer(f"200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}", packed))
    http("decompression bomb", port, "malformed", "OK after 256 MiB of memory", content_match="y")
    packed = nothing_compressed()
    port = listen(answer(f"200 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Length: {len(packed)}", packed))
    http("compressed twice, to nothing", port, "malformed", "OK", content_match="y")
    http("1,000 redirects", listen(redirects), "status", "CRITICAL: more than 30 redirects")
    http("a byte a second, header", listen(answer("200 OK\r\nX: y", b"", pause=1)), "timeout", "waits for each byte anew")
    http("a byte a second, body", listen(answer("200 OK", b"y", pause=0.2)), "timeout", "waits for each byte anew", content_match="z")
    http("endless 100 Continue", listen(answer("100 Continue", b"HTTP/1.1 100 Continue\r\n\r\n" * 100, repeat=True)), "malformed",
         "CRITICAL: too many headers, or never ends")
    http("a body that stops", listen(stall_after(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")), "timeout",
         "CRITICAL: read timed out", read_timeout=1, content_match="x")
    http("a body that is too short", listen(answer("200 OK\r\nContent-Length: 9", b"x")), "connect", "CRITICAL", content_match="x")
    http("no HTTP", listen(lambda connection: connection.sendall(b"SSH-2.0-x\r\n")), "malformed", "CRITICAL")
    http("silence", listen(silent), "timeout", "CRITICAL: read timed out")


def add_tls_targets():
    make_authority()
    here = ["IP.1=127.0.0.1", "DNS.1=localhost"]
    for name, names, start, end, authority in [
        ("good", here, -1, 90, "ca"), ("expiring", here, -1, 3, "ca"), ("expired", here, -9, -2, "ca"), ("early", here, 2, 90, "ca"),
        ("other", ["DNS.1=other.example"], -1, 90, "ca"), ("own", here, -1, 90, None),
        ("large", here + [f"DNS.{n}=name-{n:06}.of-a-large-certificate.example" for n in range(2, 22000)], -1, 90, "ca"),
    ]:
        make_certificate(name, names, start, end, authority)
    trusted = {"scheme": "https", "tls_ca_cert": f"{DIRECTORY}/ca.pem"}
    expiring, expired = "ssl_cert CRITICAL", "ssl_cert CRITICAL: expired"
    for name, kind, upstream in [
        ("good", "up", "OK"), ("expiring", "certificate", expiring), ("expired", "certificate", expired), ("early", "tls", "CRITICAL"),
        ("other", "tls", "CRITICAL: wrong name"), ("own", "tls", "CRITICAL: self-signed"), ("large", "tls", "CRITICAL: too large"),
    ]:
        port = tls_server(name)
        http(f"certificate: {name}", port, kind, upstream, **trusted)
        tls(f"tls, certificate: {name}", port, kind, upstream)
        if name in ("expiring", "own"):
            http(f"certificate: {name}, not verified", port, "up", "OK, ssl_cert UNKNOWN", scheme="https")
            http(f"certificate: {name}, POST", port, "up", "OK, ssl_cert UNKNOWN", scheme="https", method="post")
        if name == "expiring":
            http("certificate: expiring, not trusted, days_critical: 5", port, "certificate", "ssl_cert UNKNOWN", scheme="https",
                 days_critical=5)
            http("days_critical: 2", port, "up", "OK, ssl_cert WARNING", days_critical=2, **trusted)
            tls("tls, days_critical: 2", port, "up", "WARNING", days_critical=2)
        if name == "expiring":
            target = tls_server("expiring", answer("302 Found\r\nLocation: http://127.0.0.1:%d/\r\nContent-Length: 0" % WELL))
            http("redirect from an expiring certificate", target, "certificate", "ssl_cert CRITICAL", **trusted)
            http("ssl_server_name of another", port, "up", "OK, ssl_cert UNKNOWN", ssl_server_name="other.example", **trusted)
        if name == "good":
            tls("tls, another name", port, "tls", "cert_validation CRITICAL", server_hostname="other.example")
            target = listen(answer(f"301 Moved\r\nLocation: https://127.0.0.1:{port}/\r\nContent-Length: 0"))
            http("redirect to https", target, "up", "OK", tls_ca_cert=f"{DIRECTORY}/ca.pem")
        if name == "expired":
            target = tls_server("good", answer(f"302 Found\r\nLocation: https://127.0.0.1:{port}/\r\nContent-Length: 0"))
            http("redirect to an expired certificate", target, "certificate", "CRITICAL", **trusted)
    named = tls_server("good", by_name=("other.example", "other"))
    tls("tls, a certificate by name", named, "up", "OK", server_hostname="other.example")
    http("a certificate by the Host header", named, "up", "OK", headers={"Host": "other.example"}, tls_use_host_header=True, **trusted)
    old = tls_server("good", oldest=True)
    http("TLS 1.1", old, "tls", "CRITICAL on Debian 12", **trusted)
    tls("tls, TLS 1.1", old, "tls", "version or cert_validation CRITICAL")
    tls("tls, TLS 1.1 allowed", old, "up", "OK", allowed_versions=["TLSv1.1"])
    for name, serve, kind in [("silence", silent, "timeout"), ("a byte a second", drip, "timeout"),
                              ("endless messages", hello_requests, "tls"),
                              ("plain text", lambda connection: connection.sendall(b"220 mail\r\n"), "tls")]:
        port = listen(serve)
        http(f"handshake: {name}", port, kind, "CRITICAL", **trusted)
        tls(f"tls, handshake: {name}", port, kind, "cert_validation CRITICAL")
    free = socket.socket()
    free.bind(("127.0.0.1", 0))
    tls("tls, closed port", free.getsockname()[1], "refused", "can_connect CRITICAL")
    add("tls, a file", "tls", "certificate", expired, local_cert_path=f"{DIRECTORY}/expired.pem")


def hello_requests(connection):
    """Endless messages in a handshake that a client ignores."""
    connection.recv(4096)
    while True:
        connection.sendall(b"\x16\x03\x03\x40\x00" + bytes(16384))


def nothing_compressed():
    """Blocks of gzip that are empty, compressed once more: they decode to 64 MiB that decode to nothing."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = b"\0\0\0\xff\xff" * 200_000
    head = b"\x1f\x8b\x08\0\0\0\0\0\0\x03"
    return packer.compress(head) + b"".join(packer.compress(block) for _ in range(64)) + packer.flush()


WELL = listen(answer("200 OK\r\nContent-Length: 2", b"ok"))
add_floods()
add_tls_targets()
add("an option that is not followed", "http_check", "unsupported", "uses NTLM", url="http://127.0.0.1:1/", ntlm_domain="d")
add("an option with a fault", "http_check", "config", "configuration error", url="http://127.0.0.1:1/", tls_verify="maybe")
for number in range(10):
    http(f"well {number}", WELL, "up", "OK", min_collection_interval=1)
well = tls_server("good")
for number in range(10, 15):
    http(f"well {number}", well, "up", "OK", "https", tls_ca_cert=f"{DIRECTORY}/ca.pem", min_collection_interval=1)
with open(f"{DIRECTORY}/new", "w") as file:
    json.dump(TARGETS, file)
os.rename(f"{DIRECTORY}/new", f"{DIRECTORY}/targets.json")
signal.pause()
