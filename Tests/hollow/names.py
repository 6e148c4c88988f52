"""DNS for Services: answers queries for SERVICE.NAMESPACE.svc and SERVICE.NAMESPACE.svc.cluster.local.

No other name exists. RFC 1035, without recursion, and without compression in queries.
"""

import random
import socket
import socketserver
import struct

_DOMAIN = "cluster.local"
_TTL = 5
_A, _IN = 1, 1
_NO_ERROR, _FORMAT_ERROR, _NO_SUCH_NAME, _NOT_IMPLEMENTED = 0, 1, 3, 4


def addresses(name: str, services: dict, endpoints: dict):
    """The addresses of a Service by its name, or of its ready pods if it is headless; None if there is no such name."""
    labels = name.lower().rstrip(".").removesuffix("." + _DOMAIN).split(".")
    if len(labels) != 3 or labels[2] != "svc":
        return None
    key = f"{labels[1]}/{labels[0]}"
    if key not in services:
        return None
    own = services[key]["spec"].get("clusterIP")
    if own and own != "None":
        return [own]
    subsets = (endpoints.get(key) or {}).get("subsets") or []
    return sorted({entry["ip"] for subset in subsets for entry in subset.get("addresses") or []})


def question(packet: bytes) -> tuple:
    """(name, type, class, end of the question) of a query with one question."""
    if len(packet) < 12 or struct.unpack_from(">H", packet, 4)[0] != 1:
        raise ValueError("not one question")
    labels, at = [], 12
    while packet[at]:
        length = packet[at]
        if length > 63:
            raise ValueError("a compressed or extended label in a question")
        labels.append(packet[at + 1 : at + 1 + length].decode("ascii"))
        at += 1 + length
    kind, network = struct.unpack_from(">HH", packet, at + 1)
    return ".".join(labels), kind, network, at + 5


def answer(packet: bytes, resolve) -> bytes:
    """The response to a query; `resolve(name)` returns addresses or None. A malformed query with an id gets an error."""
    try:
        name, kind, network, end = question(packet)
    except (ValueError, IndexError, struct.error):
        return _head(packet, _FORMAT_ERROR, 0, 0) if len(packet) >= 12 else b""
    if packet[2] & 0x78:
        return _head(packet, _NOT_IMPLEMENTED, 0, 0)
    found = resolve(name)
    records = []
    if found and kind == _A and network == _IN:
        records = [struct.pack(">HHHIH", 0xC00C, _A, _IN, _TTL, 4) + socket.inet_aton(address) for address in found]
        random.shuffle(records)
    code = _NO_SUCH_NAME if found is None else _NO_ERROR
    return _head(packet, code, 1, len(records)) + packet[12:end] + b"".join(records)


def _head(packet: bytes, code: int, questions: int, answers: int) -> bytes:
    identifier, flags = struct.unpack_from(">HH", packet)
    # An authoritative answer. "Recursion desired" is copied; "recursion available" is set, so that clients do not wait.
    flags = 0x8480 | (flags & 0x0100) | code
    return struct.pack(">HHHHHH", identifier, flags, questions, answers, 0, 0)


def _read(stream, count: int) -> bytes:
    data = stream.recv(count, socket.MSG_WAITALL)
    if len(data) < count:
        raise ConnectionError("the peer closed")
    return data


def servers(address: str, resolve) -> list:
    """Servers for UDP and TCP on port 53 of an address, for the caller to run in threads."""

    class Datagram(socketserver.BaseRequestHandler):
        def handle(self):
            packet, connection = self.request
            reply = answer(packet, resolve)
            if reply:
                connection.sendto(reply, self.client_address)

    class Stream(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.settimeout(10)
            try:
                while True:
                    (length,) = struct.unpack(">H", _read(self.request, 2))
                    reply = answer(_read(self.request, length), resolve)
                    self.request.sendall(struct.pack(">H", len(reply)) + reply)
            except OSError:
                pass

    class Streams(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    return [socketserver.UDPServer((address, 53), Datagram), Streams((address, 53), Stream)]
