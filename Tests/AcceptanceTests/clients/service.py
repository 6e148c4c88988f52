#!/usr/bin/env python3
"""A Service in front of replicas, whose network may fail: what kube-proxy and a broken load balancer do to node agents.

usage: service.py DIRECTORY SEED BACKEND_PORT...

Ends TLS with a certificate of its own, made in DIRECTORY. Each connection goes to one of the backends, drawn when it is opened, and stays there
as long as both ends keep it. The first line of output is {"control": PORT, "port": PORT}.

On the control port, plain HTTP:
  POST /set {"backends": [PORT, ...], "fault": "none|storm|down"}
  GET /counts   {"passed": N, "500": N, ...}: what became of the requests so far

Under `storm` a request meets, drawn with equal chances: 500, 502 (HTML, as a load balancer's), 503 with an empty body, a connection reset before
it is passed on, one reset after it was served, an answer that ends in the middle, one that begins too late, or nothing of these. Under `down`
every connection is reset.
"""
import asyncio
import collections
import json
import random
import ssl
import subprocess
import sys

DIRECTORY, SEED = sys.argv[1], int(sys.argv[2])
draw = random.Random(SEED)
counts = collections.Counter()
state = {"backends": [int(port) for port in sys.argv[3:]], "fault": "none"}
fronts = set()

ANSWERS = {
    "500": b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 9\r\n\r\nno luck.\n",
    "502": b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 26\r\n\r\n<h1>502 Bad Gateway</h1>\r\n",
    "503": b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
}
FAULTS = [*ANSWERS, "reset", "lost", "cut", "late", "passed"]


async def read_message(reader):
    """(the first line's words, all of it as it came, the length of its head)."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head[:-4].split(b"\r\n")
    length = 0
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
        if name.strip().lower() == b"transfer-encoding":
            raise ConnectionResetError("no answer of a cluster-agent is chunked")
    return lines[0].split(b" ", 2), head + await reader.readexactly(length), len(head)


async def serve(backend_tls, reader, writer):
    if state["fault"] == "down" or not state["backends"]:
        counts["refused"] += 1
        writer.transport.abort()
        return
    fronts.add(writer)
    backend = None
    try:
        port = draw.choice(state["backends"])
        while True:
            _, request, _ = await read_message(reader)
            fate = draw.choice(FAULTS) if state["fault"] == "storm" else "passed"
            counts[fate] += 1
            if fate in ANSWERS:
                writer.write(ANSWERS[fate])
                await writer.drain()
                continue
            if fate == "reset":
                return
            if backend is None:
                backend = await asyncio.open_connection("127.0.0.1", port, ssl=backend_tls)
            backend[1].write(request)
            await backend[1].drain()
            words, answer, head = await read_message(backend[0])
            if fate == "lost":
                return
            if fate == "cut":
                writer.write(answer[: head + (len(answer) - head) // 2])
                await writer.drain()
                return
            if fate == "late":
                await asyncio.sleep(4)
            counts[f"served {int(words[1])}"] += 1
            writer.write(answer)
            await writer.drain()
    except (OSError, EOFError, ssl.SSLError):
        pass
    finally:
        fronts.discard(writer)
        # Reset, not closed: what comes after a half is nothing.
        for side in (writer, backend[1] if backend else None):
            if side is not None:
                side.transport.abort()


async def control(reader, writer):
    try:
        while True:
            (method, *_), message, head = await read_message(reader)
            answer = dict(counts)
            if method == b"POST":
                state.update(json.loads(message[head:]))
                # A pod that is gone takes its connections with it; the others stay where they are.
                if state["fault"] == "down":
                    for front in list(fronts):
                        front.transport.abort()
            text = json.dumps(answer).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
            await writer.drain()
    except (OSError, EOFError):
        pass
    finally:
        writer.close()


def make_certificate():
    certificate, key = f"{DIRECTORY}/service.pem", f"{DIRECTORY}/service.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
         "/CN=service", "-keyout", key, "-out", certificate], check=True, stderr=subprocess.DEVNULL)
    return certificate, key


async def main():
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(*make_certificate())
    backend = ssl.create_default_context()
    backend.check_hostname = False
    backend.verify_mode = ssl.CERT_NONE
    server = await asyncio.start_server(lambda *streams: serve(backend, *streams), "127.0.0.1", 0, ssl=serving)
    controlling = await asyncio.start_server(control, "127.0.0.1", 0)
    ports = {"control": controlling.sockets[0].getsockname()[1], "port": server.sockets[0].getsockname()[1]}
    print(json.dumps(ports), flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
