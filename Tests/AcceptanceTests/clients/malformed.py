#!/usr/bin/env python3
"""Malformed requests, byte by byte, against a server that speaks HTTPS on 127.0.0.1.

usage: malformed.py PORT TOKEN COUNT

Sends COUNT requests in turn through the table below, each on a connection of its own, and checks the exact status of each answer.
Prints one line a kind; exits with 1 if any answer was another one. Knows nothing of the server but RFC 9112 and its limits: 16 KiB of
header, 1 MiB of body, 10 s for a header.
"""
import socket
import ssl
import sys
import threading
import time

PORT, TOKEN, COUNT = int(sys.argv[1]), sys.argv[2].encode(), int(sys.argv[3])
PATH = b"/api/v1/clusterchecks/status/x"
HOST = b"Host: localhost\r\n"
AUTH = b"Authorization: Bearer " + TOKEN + b"\r\n"


def post(headers, body=b""):
    return b"POST " + PATH + b" HTTP/1.1\r\n" + HOST + AUTH + headers + b"\r\n" + body


# kind, bytes, status. Where a request is cut short the client goes on waiting: the server must answer by itself.
KINDS = [
    ("no method", b" / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("no version", b"GET /\r\n" + HOST + b"\r\n", 400),
    ("two spaces in the request line", b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("a method with a control byte", b"G\x01T / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("a path with a control byte", b"GET /\x02 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("lower-case version", b"GET / http/1.1\r\n" + HOST + b"\r\n", 400),
    ("an unknown major version", b"GET / HTTP/3.0\r\n" + HOST + b"\r\n", 505),
    ("a bare CR in the request line", b"GET /\rx HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("a bare CR in a value", b"GET / HTTP/1.1\r\n" + HOST + b"X: a\rb\r\n\r\n", 400),
    ("a NUL in a value", b"GET / HTTP/1.1\r\n" + HOST + b"X: a\0b\r\n\r\n", 400),
    ("obs-fold", b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n", 400),
    ("a space before the colon", b"GET / HTTP/1.1\r\n" + HOST + b"X : a\r\n\r\n", 400),
    ("a field without a colon", b"GET / HTTP/1.1\r\n" + HOST + b"Xa\r\n\r\n", 400),
    ("an empty field name", b"GET / HTTP/1.1\r\n" + HOST + b": a\r\n\r\n", 400),
    ("a field name with a separator", b"GET / HTTP/1.1\r\n" + HOST + b"X(y: a\r\n\r\n", 400),
    ("Content-Length and Transfer-Encoding", post(b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"), 400),
    ("differing Content-Lengths", post(b"Content-Length: 3\r\nContent-Length: 4\r\n", b"abcd"), 400),
    ("differing Content-Lengths in a list", post(b"Content-Length: 3, 4\r\n", b"abcd"), 400),
    ("a negative Content-Length", post(b"Content-Length: -1\r\n"), 400),
    ("a signed Content-Length", post(b"Content-Length: +3\r\n", b"abc"), 400),
    ("a hexadecimal Content-Length", post(b"Content-Length: 0x3\r\n", b"abc"), 400),
    ("a Content-Length of 30 digits", post(b"Content-Length: " + b"9" * 30 + b"\r\n"), (400, 413)),
    ("an unknown transfer coding", post(b"Transfer-Encoding: gzip\r\n", b"abc"), 501),
    ("chunked not last", post(b"Transfer-Encoding: chunked, gzip\r\n", b"0\r\n\r\n"), (400, 501)),
    ("a chunk size that is no number", post(b"Transfer-Encoding: chunked\r\n", b"zz\r\nabc\r\n0\r\n\r\n"), 400),
    ("a chunk without its end", post(b"Transfer-Encoding: chunked\r\n", b"3\r\nabcd\r\n0\r\n\r\n"), 400),
    ("a chunk size too long", post(b"Transfer-Encoding: chunked\r\n", b"fffffffffffffffff\r\n"), (400, 413)),
    ("no Host", b"GET /version HTTP/1.1\r\n\r\n", 400),
    ("two Hosts", b"GET /version HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400),
    ("a header too large", b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 20_000 + b"\r\n\r\n", 431),
    ("a path too long", b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", (414, 431)),
    ("too many fields", b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n" * 3_000 + b"\r\n", 431),
    ("a body too large", post(b"Content-Length: 2000000\r\n"), 413),
    ("chunks too large together", post(b"Transfer-Encoding: chunked\r\n", b"10000\r\n" + (b"a" * 65_536 + b"\r\n10000\r\n") * 17), 413),
    ("an unknown expectation", post(b"Content-Length: 3\r\nExpect: a-miracle\r\n", b"abc"), 417),
    ("a body that is no JSON", post(b"Content-Length: 3\r\n", b"abc"), 400),
    ("a body cut short inside the JSON", post(b"Content-Length: 16\r\n", b'{"last_change":1'), 400),
    ("a last_change that is text", post(b"Content-Length: 19\r\n", b'{"last_change":"1"}'), 400),
    ("no token", b"GET " + PATH.replace(b"status", b"configs") + b" HTTP/1.1\r\n" + HOST + b"\r\n", 401),
    ("a wrong token", b"GET " + PATH.replace(b"status", b"configs") + b" HTTP/1.1\r\n" + HOST + b"Authorization: Bearer " + b"x" * 32 + b"\r\n\r\n", 403),
    ("a path that is none", b"GET /nothing HTTP/1.1\r\n" + HOST + AUTH + b"\r\n", 404),
    ("a method that is none", b"DELETE " + PATH + b" HTTP/1.1\r\n" + HOST + AUTH + b"\r\n", 405),
    ("an id with a bad escape", b"POST " + PATH + b"%zz HTTP/1.1\r\n" + HOST + AUTH + b"Content-Length: 2\r\n\r\n{}", 400),
]
# Slow ones wait for the server's own time-out, so they are few and run side by side.
SLOW = [
    ("a header that never ends", b"GET / HTTP/1.1\r\nHost: loc", 408),
    ("a header of one byte a second", None, 408),
]

context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE


def connect():
    plain = socket.create_connection(("127.0.0.1", PORT), timeout=30)
    return context.wrap_socket(plain)


def status_of(connection):
    answer = b""
    try:
        while b"\r\n" not in answer:
            data = connection.recv(65_536)
            if not data:
                break
            answer += data
    except (ConnectionError, ssl.SSLError, socket.timeout) as error:
        return f"{type(error).__name__} after {answer[:40]!r}"
    words = answer.split(b" ", 2)
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else f"nothing after {answer[:40]!r}"


def ask(data):
    try:
        with connect() as connection:
            try:
                connection.sendall(data)
            except (ConnectionError, ssl.SSLError):
                pass  # The server may answer and stop reading early; its answer must still be there.
            return status_of(connection)
    except OSError as error:
        return f"{type(error).__name__}: {error}"


def drip():
    with connect() as connection:
        connection.settimeout(1)
        for byte in b"GET / HTTP/1.1\r\n" + b"X" * 60:
            try:
                connection.sendall(bytes([byte]))
                data = connection.recv(4_096)
                return int(data.split(b" ")[1]) if data else "closed without an answer"
            except socket.timeout:
                continue
            except (ConnectionError, ssl.SSLError) as error:
                return type(error).__name__
    return "no answer in a minute"


def main():
    results = {}
    for number in range(COUNT):
        name, data, expected = KINDS[number % len(KINDS)]
        results.setdefault((name, expected), []).append(ask(data))
    threads = []
    for name, data, expected in SLOW:
        answers = results.setdefault((name, expected), [])
        for _ in range(2):
            work = (lambda d=data, a=answers: a.append(drip() if d is None else ask(d)))
            threads.append(threading.Thread(target=work))
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wrong = 0
    for (name, expected), answers in results.items():
        allowed = expected if isinstance(expected, tuple) else (expected,)
        bad = [answer for answer in answers if answer not in allowed]
        wrong += len(bad)
        print(f"{name}: {len(answers)} sent, expected {expected}, {len(bad)} wrong {sorted(set(map(str, bad)))[:3] if bad else ''}")
    print(f"{sum(map(len, results.values()))} requests of {len(results)} kinds, {wrong} wrong, slow ones {time.monotonic() - begin:.1f} s")
    sys.exit(1 if wrong else 0)


main()
